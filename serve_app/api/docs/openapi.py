"""The OpenAPI document, made of the routes, their docstrings, ``operations.py``, the msgspec structs and the errors.

It names no route: what is said of one stands beside its struct, its error or its endpoint.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.endpoints import HTTPEndpoint
from starlette.routing import BaseRoute, Route, WebSocketRoute

from serve_app.api.docs.operations import JSON, OPERATIONS, PATH_PARAMETERS, Operation
from serve_app.api.docs.responses import ErrorResponse
from serve_app.errors import Forbidden, RequestError, Unauthorized

METHODS: Final = ("get", "put", "delete")
REFS: Final = "#/components/schemas/{name}"
SECURITY_SCHEMES: Final = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
EVERY_ROUTES_ERRORS: Final = (401, 403)  # keys and origins
KEY_ERRORS: Final = (Unauthorized, Forbidden)
INFO: Final = {
    "title": "Helen",
    "version": "1",
    "description": (
        "Recognises hand gestures from windows of landmarks, and analyses basketball shots from poses. Request bodies"
        " may be gzip or deflate (Content-Encoding), and so are answers where the client takes them (Accept-Encoding)."
    ),
}


def build_document(routes: Sequence[BaseRoute], *, with_keys: bool = False) -> dict[str, Any]:
    """The document of these routes, of a service ``with_keys`` or without; addresses are relative to its own.

    Raises:
        KeyError: a route that is in the schema has no entry in ``OPERATIONS``.
    """
    described = [(route, method, OPERATIONS[key]) for route, method, key in documented(routes)]
    types = list(dict.fromkeys(kind for *_, operation in described for kind in get_types(operation)))
    found, components = msgspec.json.schema_components([*types, ErrorResponse], ref_template=REFS)
    schemas = dict(zip([*types, ErrorResponse], found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route, method, operation in described:
        endpoint = getattr(route.endpoint, method, route.endpoint)
        paths.setdefault(route.path, {})[method] = describe_operation(
            route.path, endpoint, operation, schemas, with_keys
        )
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": components},
    }
    if with_keys:
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
        document["security"] = [{name: []} for name in SECURITY_SCHEMES]
    return document


def documented(routes: Sequence[BaseRoute]) -> Iterator[tuple[Route | WebSocketRoute, str, str]]:
    """The routes that belong in the document, each with a method and its key in ``OPERATIONS``.

    A route that is a class has several methods, and the keys ``GET /path`` and so on.
    """
    for route in routes:
        if isinstance(route, WebSocketRoute) or (isinstance(route, Route) and route.include_in_schema):
            if isinstance(route.endpoint, type) and issubclass(route.endpoint, HTTPEndpoint):
                for method in METHODS:
                    if hasattr(route.endpoint, method):
                        yield route, method, f"{method.upper()} {route.path}"
            else:
                yield route, get_method(route), route.path


def get_method(route: Route | WebSocketRoute) -> str:
    """The method under which a route is listed; a WebSocket begins as a GET."""
    methods = set() if isinstance(route, WebSocketRoute) else (route.methods or set()) - {"HEAD"}
    return next(iter(methods), "GET").lower()


def get_types(operation: Operation) -> Iterator[Any]:
    """The types of an operation's JSON."""
    yield from operation.messages
    if operation.request is not None:
        yield operation.request
    yield from (kind for kinds in operation.responses.values() for kind in kinds if not isinstance(kind, str))


def describe_operation(
    path: str, endpoint: object, operation: Operation, schemas: dict[Any, Any], with_keys: bool
) -> dict[str, Any]:
    """The operation object of one method of a path."""
    summary, description = parse_docstring(endpoint)
    in_path = re.findall(r"{(\w+)}", path)
    parameters = [{"name": name, "in": "path", "required": True, **PATH_PARAMETERS[name]} for name in in_path]
    own = {str(status): describe_response(status, kinds, schemas) for status, kinds in operation.responses.items()}
    refused = {
        str(status): {
            "description": "\n".join(errors),
            "content": {JSON: {"schema": schemas[ErrorResponse]}},
        }
        for status in (*EVERY_ROUTES_ERRORS, *operation.errors)
        if (errors := list(describe_errors(status, with_keys)))
    }
    described: dict[str, Any] = {
        "tags": [operation.tag],
        "summary": summary,
        "description": operation.description or description,
        "parameters": [*parameters, *operation.parameters],
        "responses": dict(sorted((refused | own).items())),
    }
    if operation.request is not None:
        described["requestBody"] = describe_request(operation, schemas)
    if operation.public and with_keys:
        described["security"] = []
    return described


def describe_request(operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    """The request body object: its JSON with an example, or bytes; where the example is empty it may be left out."""
    content: dict[str, Any] = {media_type: {} for media_type in operation.request_media_types}
    content[JSON] = {"schema": schemas[operation.request], "example": operation.example}
    return {"required": bool(operation.example), "content": content}


def describe_response(status: int, kinds: Sequence[Any], schemas: dict[Any, Any]) -> dict[str, Any]:
    """The response object of a status that isn't an error; ``kinds`` are types of JSON, and media types."""
    content = dict((kind, {}) if isinstance(kind, str) else (JSON, {"schema": schemas[kind]}) for kind in kinds)
    return {"description": HTTPStatus(status).phrase, "content": content}


def describe_errors(status: int, with_keys: bool) -> Iterator[str]:
    """What a status means: a line for each error that has it, of its code and its docstring's first paragraph."""
    for error in RequestError.__subclasses__():
        if error.status == status and (with_keys or error not in KEY_ERRORS):
            yield f"* `{error.code}`: {parse_docstring(error)[0]}"


def parse_docstring(documented: object) -> tuple[str, str]:
    """A docstring's first paragraph and the paragraphs that follow, in Markdown."""
    paragraphs = (inspect.getdoc(documented) or "").replace("``", "`").split("\n\n")
    summary, *more = (paragraph.replace("\n", " ") for paragraph in paragraphs)
    return summary.removesuffix("."), "\n\n".join(more)
