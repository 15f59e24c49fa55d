"""The HTTP front of the graph: its routes, error bodies and the watch over its models. Knows nothing of Ray.

Owns no arithmetic: bodies become arrays in ``preprocess.py``, batches form in ``batching.py``. The ``Preprocess``
deployment in ``deployments.py`` runs it in each of its replicas.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from serve_app.http import add_error_handlers
from serve_app.routes import predict, system
from serve_app.service import Service


def create_app(service: Service) -> FastAPI:
    """The routes in front of a service, with its models watched for as long as the app runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for pipeline in service.pipelines:
                await stack.enter_async_context(pipeline.watched())
            yield

    app = FastAPI(title="Helen", description="Names gestures from hand landmarks.", version="1", lifespan=lifespan)
    app.state.service = service
    app.include_router(system.router)
    app.include_router(predict.router)
    add_error_handlers(app)
    return app
