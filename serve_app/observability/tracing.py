"""Where the spans of Ray Serve go: to an OpenTelemetry collector. Imported only where tracing is turned on.

Serve opens a span at every hop, under the client's own ``traceparent`` where it sends one, and names the request's id
and the deployment in it: the ingress, GestureGRU and Postprocess of a request are one trace. Requests that share a
batch share its hops, which then stand in the trace of the first of them. docs/deploy.md says how to turn it on.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def otlp() -> list[SpanProcessor]:
    """Spans in batches, from a thread of their own, to ``OTEL_EXPORTER_OTLP_ENDPOINT`` over HTTP."""
    return [BatchSpanProcessor(OTLPSpanExporter())]
