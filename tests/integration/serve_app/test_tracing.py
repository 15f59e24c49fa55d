"""Spans reach a collector over OTLP, and a service without tracing imports nothing of it."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider

from serve_app.observability.tracing import otlp
from serve_app.settings import PROJECT_ROOT


def test_spans_reach_the_collector_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object, **named: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "helen")
        provider = TracerProvider()
        for processor in otlp():
            provider.add_span_processor(processor)
        tracer = provider.get_tracer("test")
        with (
            tracer.start_as_current_span("ingress", attributes={"request_id": "pi-7"}),
            tracer.start_as_current_span("hop"),
        ):
            pass
        assert provider.force_flush()
        provider.shutdown()
        server.shutdown()
    ((path, body),) = received
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert "helen" in {attribute.value.string_value for attribute in resource.resource.attributes}
    hop, ingress = resource.scope_spans[0].spans
    assert (hop.name, ingress.name) == ("hop", "ingress")
    assert hop.parent_span_id == ingress.span_id
    assert ingress.attributes[0].value.string_value == "pi-7"


def test_a_service_without_tracing_imports_no_exporter() -> None:
    code = "import sys, serve_app.deployments.ingress, serve_app.app\nprint(*sys.modules)"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert not [name for name in child.stdout.split() if name.startswith("opentelemetry.exporter.otlp")]
