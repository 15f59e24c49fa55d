"""``GET /metrics``: what all replicas have counted, as Prometheus text."""

from starlette.requests import Request
from starlette.responses import Response

from serve_app.api.app_state import get_state
from serve_app.observability.metrics import CONTENT_TYPE, exposition


async def metrics(request: Request) -> Response:
    """One scrape of the whole service, whichever ingress replica it reached."""
    snapshots = await get_state(request).replicas.snapshots()
    return Response(exposition(snapshots), headers={"Content-Type": CONTENT_TYPE})
