"""Bytes that are no text and numbers that are none, wherever a request can have them: refused in words, never a 5xx."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from serve_app.api.application import ROUTES
from testkit.stages.local_stages import LocalStages, local_app

Header = tuple[bytes, bytes]
KEY = (b"x-api-key", b"a-key")
FORM = [(b"accept", b"text/html"), (b"content-type", b"application/x-www-form-urlencoded")]
PATHS = [
    route.path.format(name="gesture", version="1", file="card.json", vocabulary="mine")
    for route in ROUTES
    if not route.path.endswith("/stream")
]
ODD_PATHS = ["/nowhere", "//", "/\ud800", "/models/\ud800/\udfff", "/v2/models/²/versions/²/infer", "/nowhere\0\n"]
FOUND = {501, 503}  # what the protocol has and this service doesn't; the shot model, of which there is none here

SURROGATE = rb'"\ud800"'
HUGE = b"1" * 5000
DEEP = b"[" * 100_000


async def asked(
    app: Starlette, method: str, path: str, headers: Sequence[Header] = (), query: bytes = b"", body: bytes = b"{}"
) -> tuple[int, dict[str, Any] | None]:
    """The status and, where it is one, the error body of a request in the bytes that a server would hand on."""
    sent: list[Message] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"localhost"), *headers],
        "server": ("127.0.0.1", 8000),
        "state": {},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status = sent[0]["status"]
    answer = b"".join(message.get("body", b"") for message in sent[1:])
    is_json = (b"content-type", b"application/json") in sent[0]["headers"]
    return status, json.loads(answer) if status >= 400 and is_json else None


async def all_refused_in_words(app: Starlette, requests: Sequence[dict[str, Any]]) -> None:
    for request in requests:
        status, error = await asked(app, **request)
        assert status < 500 or status in FOUND, request
        if error is not None and "status" not in error and "ready" not in error:
            assert set(error) == {"error", "code", "request_id"}, request


HEADERS: list[Header] = [
    (b"content-length", "²".encode("latin-1")),
    (b"content-length", HUGE),
    (b"inference-header-content-length", "²".encode("latin-1")),
    (b"inference-header-content-length", "٣".encode()),
    (b"inference-header-content-length", b"1" * 20),
    (b"inference-header-content-length", HUGE),
    (b"inference-header-content-length", b"-1"),
    (b"accept-language", b"en;q=\xb2,es;q=1e999,\xff;q=nan;;,"),
    (b"accept-encoding", b"gzip;q=\xb2,\xff"),
    (b"content-encoding", b"\xff"),
    (b"content-type", b"\xff\xfe"),
    (b"x-request-id", b"\xff" * 200),
    (b"if-none-match", b"\xff"),
    (b"origin", b"\xff"),
    (b"host", b"["),
    (b"host", b"\xff:99999999"),
    (b"cookie", b'helen_key=%ff%zz\xff; =;;"'),
    (b"authorization", b"Bearer \xff\xb2"),
]


@pytest.mark.anyio
@pytest.mark.parametrize("keys", [(), ("a-key",)], ids=["without keys", "with keys"])
async def test_headers_that_are_no_text_or_no_number(repository: Path, keys: Sequence[str]) -> None:
    async with asyncio.timeout(30), local_app(LocalStages(repository), keys) as app:
        requests = [
            {"method": method, "path": path, "headers": [header, *own]}
            for path in (*PATHS, *ODD_PATHS)
            for method in ("GET", "POST")
            for header in HEADERS
            for own in ([], [KEY])[: 1 + len(keys)]
        ]
        await all_refused_in_words(app, requests)


@pytest.mark.anyio
@pytest.mark.parametrize("query", [b"\xff\xfe", b"lang=%ff&=%zz&&\xb2", b"lang=%ED%A0%80"])
async def test_queries_that_are_no_text(repository: Path, query: bytes) -> None:
    async with asyncio.timeout(30), local_app(LocalStages(repository), ["a-key"]) as app:
        requests = [
            {"method": method, "path": f"{path}{slash}", "headers": [KEY], "query": query}
            for path in (*PATHS, *ODD_PATHS)
            for method in ("GET", "POST", "DELETE")
            for slash in ("", "/")
        ]
        await all_refused_in_words(app, requests)
        signed_in = await asked(app, "POST", "/docs", FORM, query, b"key=a-key")
        assert signed_in == (303, None)
        assert (await asked(app, "POST", "/docs", FORM, query, b"key=\xff%ff%zz&&=;"))[0] == 403


BODIES = {
    "Latin-1": b'{"sequence": "\xe9"}',
    "no text at all": b"\xff\xfe\xe9\x00",
    "UTF-16": "{}".encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "deep lists": DEEP,
    "deep objects": b'{"a":' * 50_000,
    "a deep sequence": b'{"sequence":' + DEEP,
    "deep frames": b'{"frames":' + DEEP,
    "deep parameters": b'{"parameters":{"a":' + DEEP,
    "deep data": b'{"inputs":[{"name":"sequence","shape":[1,10,84],"datatype":"FP32","data":' + DEEP,
    "a huge number": b'{"sequence":[[%s]],"frames":[{"index":%s,"time_sec":0,"keypoints":[]}]}' % (HUGE, HUGE),
    "a huge number after NaN": b'{"sequence":[[NaN,%s]],"frames":[{"index":NaN,"time_sec":%s}]}' % (HUGE, HUGE),
    "a number beyond doubles": b'{"sequence":[[NaN,1e400,-1e400]]}',
    "a huge shape": b'{"inputs":[{"name":"sequence","shape":[%s],"datatype":"FP32","data":[1]}]}' % HUGE,
    "half a letter": b'{"sequence":%s,"frames":%s,"inputs":%s,"ready":%s}' % ((SURROGATE,) * 4),
    "half a letter after NaN": b'{"sequence":[[NaN,%s]],"parameters":{%s:NaN},"ready":%s}' % ((SURROGATE,) * 3),
    "half a letter as a field": b'{%s:NaN,"parameters":{%s:1}}' % (SURROGATE, SURROGATE),
    "half a letter as a name": b'{"frames":[{"index":0,"time_sec":0,"keypoints":[{"name":%s,"x":NaN,"y":0,"v":0}]}]}'
    % SURROGATE,
    "half a letter in a tensor": b'{"inputs":[{"name":"sequence","shape":[1],"datatype":"BYTES","data":[%s]}]}'
    % SURROGATE,
}


@pytest.mark.anyio
@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
async def test_bodies_that_are_no_text_or_no_number(repository: Path, body: bytes) -> None:
    async with asyncio.timeout(30), local_app(LocalStages(repository)) as app:
        length = (b"inference-header-content-length", b"%d" % len(body))
        requests = [
            {"method": "POST", "path": path, "headers": headers, "body": body}
            for path in PATHS
            for headers in ([], [length])
        ]
        await all_refused_in_words(app, requests)
        for path in ("/predict", "/analyze", "/v2/models/gesture/infer"):
            status, error = await asked(app, "POST", path, body=body)
            assert status == 400 and error is not None and error["code"] == "invalid_input"
