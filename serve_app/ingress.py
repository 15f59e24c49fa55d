"""The HTTP front of the graph: its routes, error bodies and the watch over its models. Knows nothing of Ray.

Owns no arithmetic: bodies become arrays in ``preprocess.py``, batches form in ``batching.py``. The ``Preprocess``
deployment in ``deployments.py`` runs it in each of its replicas. Plain Starlette: bodies are decoded straight to
arrays and the OpenAPI document is written by hand, so that FastAPI's layers would only cost their 40 µs a request.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute

from serve_app.http import ERROR_HANDLERS
from serve_app.routes import analyze, docs, models, open_inference, pages, predict, stream, system
from serve_app.security import ApiKeys
from serve_app.service import Service

ROUTES: tuple[Route | WebSocketRoute, ...] = (
    Route("/health", system.health, methods=["GET"]),
    Route("/metadata", system.metadata, methods=["GET"]),
    Route("/predict", predict.predict, methods=["POST"]),
    *(
        Route(f"/v2/models/{{name}}{version}{path}", endpoint, methods=[method])
        for version in ("", "/versions/{version}")
        for path, endpoint, method in (
            ("/infer", open_inference.infer, "POST"),
            ("", open_inference.model_metadata, "GET"),
            ("/ready", open_inference.model_ready, "GET"),
        )
    ),
    Route("/v2", open_inference.server, methods=["GET"]),
    Route("/v2/health/live", open_inference.live, methods=["GET"]),
    Route("/v2/health/ready", open_inference.ready, methods=["GET"]),
    Route("/v2/repository/index", open_inference.repository_index, methods=["POST"]),
    Route("/v2/repository/models/{name}/load", open_inference.load, methods=["POST"]),
    Route("/v2/repository/models/{name}/unload", open_inference.unload, methods=["POST"]),
    WebSocketRoute("/stream", stream.Stream()),
    Route("/analyze", analyze.analyze, methods=["POST"]),
    Route("/api/analyze", analyze.analyze, methods=["POST"]),
    Route("/models/{name}/{file}", models.model_file, methods=["GET"]),
    Route("/shots", pages.shots, methods=["GET"]),
    Route("/shots/{file}", pages.shots_file, methods=["GET"]),
    Route("/docs", docs.page, methods=["GET"]),
    Route("/openapi.json", docs.document, methods=["GET"]),
)


def create_app(service: Service, api_keys: Sequence[str] = ()) -> Starlette:
    """The routes in front of a service, with its models watched for as long as the app runs.

    With ``api_keys``, every route but ``/health`` wants one of them.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for pipeline in service.pipelines:
                await stack.enter_async_context(pipeline.watched())
            yield

    guard = [Middleware(ApiKeys, keys=api_keys)] if api_keys else []
    app = Starlette(routes=ROUTES, middleware=guard, exception_handlers=ERROR_HANDLERS, lifespan=lifespan)
    app.state.service = service
    return app
