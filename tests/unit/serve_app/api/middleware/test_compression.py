"""Compressed answers: for whom who asks, where it pays, and byte for byte the same once they are read."""

import asyncio
import gzip
import zlib
from pathlib import Path

import httpx
import pytest

from serve_app.api.docs.examples import example_shot
from serve_app.api.middleware.compression import SMALLEST, preferred_encoding
from testkit.load import EXAMPLE
from testkit.stages.local_stages import local_client


def got(repository: Path, method: str, path: str, accept: str | None, **more: object) -> tuple[httpx.Response, bytes]:
    """An answer, and its bytes as they came."""

    async def story() -> tuple[httpx.Response, bytes]:
        async with asyncio.timeout(20), local_client(repository) as client:
            del client.headers["accept-encoding"]
            headers = {} if accept is None else {"Accept-Encoding": accept}
            request = client.build_request(method, path, headers=headers, **more)  # type: ignore[arg-type]
            answer = await client.send(request, stream=True)
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            await answer.aclose()
            return answer, raw

    return asyncio.run(story())


@pytest.mark.parametrize("path", ["/openapi.json", "/metrics", "/shots/shots.js"])
@pytest.mark.parametrize(("accept", "encoding", "window"), [("gzip", "gzip", 31), ("deflate", "deflate", 15)])
def test_whoever_asks_gets_it_smaller(repository: Path, path: str, accept: str, encoding: str, window: int) -> None:
    plain, wanted = got(repository, "GET", path, None)
    answer, raw = got(repository, "GET", path, accept)
    assert answer.status_code == 200
    assert "content-encoding" not in plain.headers
    assert answer.headers["content-encoding"] == encoding
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert int(answer.headers["content-length"]) == len(raw) < len(wanted)
    read = zlib.decompress(raw, window)
    assert read == wanted or path == "/metrics"


def test_an_analysis_keeps_its_other_headers(repository: Path) -> None:
    answer, raw = got(repository, "POST", "/analyze", "gzip", json=example_shot())
    if len(raw) >= SMALLEST or "content-encoding" in answer.headers:
        assert gzip.decompress(raw).startswith(b'{"labels"')
    assert "accept-language" in answer.headers["vary"].lower()
    assert answer.headers["content-language"] == "es"


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/health", {}),
        ("POST", "/predict", {"json": EXAMPLE}),
        ("GET", "/models/gesture/model.onnx", {}),
        ("GET", "/" + "x" * 2000, {}),
        ("POST", "/predict", {"content": b"{"}),
    ],
)
def test_small_answers_errors_and_model_files_go_out_as_they_are(
    repository: Path, method: str, path: str, more: dict[str, object]
) -> None:
    answer, raw = got(repository, method, path, "gzip, deflate", **more)
    assert "content-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) == len(raw)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("deflate, gzip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("gzip; q=0", None),
        ("gzip;q=0, deflate", "deflate"),
        ("GZIP;Q=1.000", "gzip"),
        ("gzip;q=²", None),
        ("gzip;q=nan", None),
        ("gzip;q=2", None),
        ("gzip;q=-1", None),
        ("br", None),
        ("identity", None),
        ("*", None),
        ("", None),
        (",;,gzip", "gzip"),
        ("gzip" * 100, None),
    ],
)
def test_the_header_says_what_is_liked_best(header: str, encoding: str | None) -> None:
    assert preferred_encoding(header.encode()) == encoding
