"""The OpenAPI document: that it says of each route what the route does."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Route

from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import teach
from landmarks.models.vocabulary_files import write_vocabulary
from serve_app.api.application import ROUTES
from serve_app.api.docs.examples import example_vocabulary
from serve_app.api.docs.openapi import build_document
from serve_app.api.docs.operations import OPERATIONS
from serve_app.api.docs.responses import ErrorResponse
from serve_app.errors import RequestError
from serve_app.vocabularies.form import parse_form
from testkit.model_files import write_embedding_version
from testkit.stages.local_stages import local_client

DOCUMENT = build_document(ROUTES)


def split_key(key: str) -> tuple[str, str]:
    """The method and the path of a key of ``OPERATIONS``."""
    if " " in key:
        method, _, path = key.partition(" ")
        return method.lower(), path
    (method,) = DOCUMENT["paths"][key]
    return method, key


SECURED = build_document(ROUTES, with_keys=True)
OF_JSON = [
    path for path, operation in OPERATIONS.items() if not isinstance(operation.responses.get(200, ("",))[0], str)
]
POSTS = [key for key in OPERATIONS if split_key(key)[0] in ("post", "put") and "unload" not in key]
KEY = {"X-API-Key": "a-key"}
# They need no model, or are no requests of HTTP.
STREAMS = ("/stream", "/vocabularies/{vocabulary}/stream")
WITHOUT_A_MODEL = (*STREAMS, "/analyze", "/api/analyze", "DELETE /vocabularies/{vocabulary}")


@pytest.fixture
def taught(tmp_path: Path) -> Path:
    """A repository with a gesture model that has an embedding, and the vocabulary of the examples."""
    folder = write_embedding_version(tmp_path / "models", 1)
    recording, keep = parse_form(json.dumps(example_vocabulary()).encode())
    path = tmp_path / "models" / "vocabularies" / "mine.vocabulary"
    path.parent.mkdir()
    write_vocabulary(teach(recording, ModelSession.open(folder), keep), path)
    return tmp_path / "models"


@asynccontextmanager
async def serving(repository: Path, *keys: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of its own."""
    async with asyncio.timeout(30), local_client(repository, keys) as client:
        yield client


async def ask(client: httpx.AsyncClient, key: str) -> httpx.Response:
    """Ask a route as the document shows it: the parameters' and the body's examples."""
    method, path = split_key(key)
    operation = DOCUMENT["paths"][path][method]
    examples = {each["name"]: each["example"] for each in operation["parameters"] if "example" in each}
    body = operation["requestBody"]["content"]["application/json"]["example"] if "requestBody" in operation else None
    headers = {"Accept": "application/json"}
    return await client.request(method, path.format(**examples), json=body, headers=headers)


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the component that it refers to."""
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("path", OF_JSON)
async def test_what_a_route_answers_is_what_its_struct_says(path: str, taught: Path) -> None:
    (kind, *_) = OPERATIONS[path].responses[200]
    async with serving(taught) as client:
        answer = await ask(client, path)
        assert answer.status_code == 200, answer.text
        msgspec.json.decode(answer.content, type=kind)


@pytest.mark.anyio
async def test_a_service_without_models_answers_what_the_structs_say_of_a_503(taught: Path) -> None:
    shutil.rmtree(taught / "gesture")
    async with serving(taught) as client:
        for path, operation in OPERATIONS.items():
            if 503 in (*operation.responses, *operation.errors) and path not in WITHOUT_A_MODEL:
                answer = await ask(client, path)
                assert answer.status_code == 503, path
                (kind,) = operation.responses.get(503, (ErrorResponse,))
                msgspec.json.decode(answer.content, type=kind)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.anyio
async def test_each_example_works_when_pasted(path: str, taught: Path) -> None:
    async with serving(taught) as client:
        assert (await ask(client, path)).status_code == 200


def test_each_operation_is_a_routes_and_says_what_it_does() -> None:
    described = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert {split_key(key) for key in OPERATIONS} == described
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            assert operation["summary"] and operation["responses"]
            assert "``" not in operation["summary"] + operation["description"]


def test_each_method_is_the_routes_own() -> None:
    for route in ROUTES:
        if isinstance(route, Route) and route.path in DOCUMENT["paths"]:
            methods = DOCUMENT["paths"][route.path]
            if route.methods is None:
                assert all(hasattr(route.endpoint, method) for method in methods)
            else:
                (method,) = methods
                assert method.upper() in route.methods


def test_each_error_is_there_with_its_code_and_meaning() -> None:
    said = "\n".join(
        response["description"]
        for methods in SECURED["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
    )
    assert {error.code for error in RequestError.__subclasses__()} <= set(re.findall(r"\* `(\w+)`: ", said))


def test_only_a_service_with_keys_speaks_of_keys() -> None:
    assert SECURED["security"] == [{"key": []}, {"bearer": []}]
    assert SECURED["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
    assert SECURED["paths"]["/health"]["get"]["security"] == []
    assert "401" in SECURED["paths"]["/predict"]["post"]["responses"]
    assert "security" not in DOCUMENT and "securitySchemes" not in DOCUMENT["components"]
    assert "401" not in DOCUMENT["paths"]["/predict"]["post"]["responses"]
    assert "`forbidden`" not in DOCUMENT["paths"]["/predict"]["post"]["responses"]["403"]["description"]


@pytest.mark.anyio
@pytest.mark.parametrize(("keys", "expected"), [((), DOCUMENT), (("a-key",), SECURED)], ids=["without", "with keys"])
async def test_the_service_hands_out_its_own_document(
    keys: tuple[str, ...], expected: dict[str, Any], repository: Path
) -> None:
    async with serving(repository, *keys) as client:
        for _ in range(2):
            assert (await client.get("/openapi.json", headers=KEY)).json() == expected


def test_the_fields_of_bodies_are_the_structs_own() -> None:
    content = DOCUMENT["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    schema = resolve(content["schema"])
    assert schema["required"] == ["sequence"] and set(schema["properties"]) == {"sequence", "mask"}
    assert "T frames of F numbers" in schema["properties"]["sequence"]["description"]
    assert "nose" in DOCUMENT["components"]["schemas"]["Keypoint"]["properties"]["name"]["enum"]


def test_a_session_is_described_in_words_and_by_its_messages() -> None:
    stream = DOCUMENT["paths"]["/stream"]["get"]
    assert list(stream["responses"]) == ["101", "403", "429", "503"]
    messages = {"OpenMessage", "ReadyMessage", "TextMessage", "StreamPrediction", "ErrorMessage"}
    assert messages <= set(DOCUMENT["components"]["schemas"])
    for word in (*messages, "4408 idle"):
        assert word in stream["description"]


def test_a_route_that_nobody_described_is_told_at_once() -> None:
    with pytest.raises(KeyError, match="/new"):
        build_document([Route("/new", lambda request: None)])


def test_addresses_are_relative_so_that_a_prefix_in_front_does_no_harm() -> None:
    assert DOCUMENT["servers"] == [{"url": "."}]
