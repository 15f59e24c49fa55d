"""``GET /metrics``: what all replicas have counted, as Prometheus text."""

from starlette.requests import Request
from starlette.responses import Response

from serve_app.metrics import CONTENT_TYPE, exposition
from serve_app.service import service_of


async def metrics(request: Request) -> Response:
    """One scrape of the whole service, whichever ingress replica it reached."""
    snapshots = await service_of(request).replicas.snapshots()
    return Response(exposition(snapshots), headers={"Content-Type": CONTENT_TYPE})
