"""The HTTP front of the graph: its routes, error bodies and the watch over its models. Knows nothing of Ray.

Owns no arithmetic: bodies become arrays in ``gestures/`` and ``shots/``, batches form in ``batching/``. The
``Preprocess`` deployment runs it in each of its replicas. Plain Starlette: bodies are decoded straight to arrays and
the OpenAPI document is made of msgspec's structs, so that FastAPI would only cost its 40 µs a request.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, WebSocketRoute

from landmarks.protocol.open_inference import HEADER_LENGTH
from serve_app.api import analyze, health, metrics, model_files, open_inference, predict, vocabularies
from serve_app.api.app_state import AppState
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.auth.middleware import ApiKeyMiddleware
from serve_app.api.docs import endpoint as docs
from serve_app.api.error_handlers import EXCEPTION_HANDLERS
from serve_app.api.middleware.compression import CompressionMiddleware
from serve_app.api.middleware.fast_router import ExactPathRouter
from serve_app.api.middleware.request_metrics import RequestMetricsMiddleware
from serve_app.api.middleware.same_origin import SameOriginMiddleware, Site
from serve_app.api.middleware.trailing_slashes import TrailingSlashMiddleware
from serve_app.api.pages import endpoint as pages
from serve_app.api.pages import home
from serve_app.api.stream import endpoint as stream
from serve_app.lifecycle.in_flight import InFlightMiddleware

PREDICT = Route("/predict", predict.predict, methods=["POST"])
INFER = Route("/v2/models/{name}/infer", open_inference.infer, methods=["POST"])
ANYWHERE = Site()
# Of a page that HELEN_ALLOWED_ORIGINS lets in: headers that it may send, and those of an answer that it may read.
PAGES_SEND = ("X-API-Key", "Authorization", "X-Request-Id", "Content-Encoding", HEADER_LENGTH)
PAGES_READ = ("Retry-After", "X-Request-Id", "ETag", HEADER_LENGTH)
OWN_GESTURES = "/vocabularies/{vocabulary}"
# Serve names a request by the first pattern that matches: what is asked most stands first.
ROUTES: tuple[Route | WebSocketRoute, ...] = (
    PREDICT,
    INFER,
    Route("/health", health.health, methods=["GET"]),
    Route("/metadata", health.metadata, methods=["GET"]),
    Route("/v2/models/{name}/versions/{version}/infer", open_inference.infer, methods=["POST"]),
    *(
        Route(f"/v2/models/{{name}}{version}{path}", endpoint, methods=["GET"])
        for version in ("", "/versions/{version}")
        for path, endpoint in (("", open_inference.model_metadata), ("/ready", open_inference.model_ready))
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
    Route("/models/{name}/{file}", model_files.model_file, methods=["GET"]),
    # What a client asks below its base URL, so that a vocabulary's address is all that it needs.
    Route(f"{OWN_GESTURES}/predict", predict.predict, methods=["POST"]),
    Route(f"{OWN_GESTURES}/v2/models/{{name}}/infer", open_inference.infer, methods=["POST"]),
    WebSocketRoute(f"{OWN_GESTURES}/stream", stream.Stream()),
    Route(f"{OWN_GESTURES}/health", health.health, methods=["GET"]),
    Route(f"{OWN_GESTURES}/metadata", health.metadata, methods=["GET"]),
    Route(f"{OWN_GESTURES}/v2/models/{{name}}", open_inference.model_metadata, methods=["GET"]),
    Route(f"{OWN_GESTURES}/v2/models/{{name}}/ready", open_inference.model_ready, methods=["GET"]),
    Route(f"{OWN_GESTURES}/v2/health/live", open_inference.live, methods=["GET"]),
    Route(f"{OWN_GESTURES}/v2/health/ready", open_inference.ready, methods=["GET"]),
    Route(f"{OWN_GESTURES}/models/{{name}}/{{file}}", model_files.model_file, methods=["GET"]),
    Route(OWN_GESTURES, vocabularies.VocabularyEndpoint),
    Route("/vocabularies", vocabularies.list_vocabularies, methods=["GET"]),
    Route("/", home.home, methods=["GET"]),
    Route("/shots", pages.shots, methods=["GET"]),
    Route("/shots/{file}", pages.file, methods=["GET"], include_in_schema=False),
    Route("/metrics", metrics.metrics, methods=["GET"]),
    Route("/docs", pages.docs, methods=["GET"], include_in_schema=False),
    Route("/docs/{file}", pages.file, methods=["GET"], include_in_schema=False),
    Route("/openapi.json", docs.document, methods=["GET"], include_in_schema=False),
)


def create_app(state: AppState, keys: ApiKeyStore, site: Site = ANYWHERE) -> Starlette:
    """The routes in front of a service, with its models watched for as long as the app runs.

    With keys in the store, every route but ``/health`` wants one of them. ``site`` says by which names it is asked, and
    which pages elsewhere may.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for model in state.models:
                await stack.enter_async_context(model.watched(state.metrics.record_failure))
            yield

    layers = [
        Middleware(TrailingSlashMiddleware),
        Middleware(RequestMetricsMiddleware, metrics=state.metrics),
        Middleware(InFlightMiddleware, in_flight=state.in_flight),
        Middleware(SameOriginMiddleware, site=site),
    ]
    if site.origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=site.origins,
                allow_methods=("GET", "POST", "PUT", "DELETE"),
                allow_headers=PAGES_SEND,
                expose_headers=PAGES_READ,
            )
        )
    if keys:
        layers.append(Middleware(ApiKeyMiddleware, keys=keys))
    names = [model.status.name for model in state.models]
    asked_most = {INFER.path.format(name=name): (INFER, {"name": name}) for name in names}
    layers.append(Middleware(CompressionMiddleware))
    layers.append(Middleware(ExactPathRouter, routes={PREDICT.path: (PREDICT, {}), **asked_most}))
    for model in state.models:
        state.metrics.watch(model.status.name, model)
    app = Starlette(routes=ROUTES, middleware=layers, exception_handlers=EXCEPTION_HANDLERS, lifespan=lifespan)
    app.router.redirect_slashes = False
    app.state.service = state
    return app
