"""Bodies: compressed ones, those that aren't what they say, bombs, and how many large ones are held at a time."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from serve_app.api.docs.examples import example_shot
from serve_app.api.request_body import BodyMemoryLimit
from serve_app.errors import Overloaded
from testkit.load import EXAMPLE
from testkit.stages.local_stages import local_client

BODY = json.dumps(EXAMPLE).encode()
SMALL = gzip.compress(BODY, mtime=0)
LIMIT = 65_536
MADE: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


def posted(repository: Path, path: str, content: bytes, encoding: str) -> httpx.Response:
    async def story() -> httpx.Response:
        async with asyncio.timeout(20), local_client(repository, (), max_body_bytes=LIMIT) as client:
            headers = {b"Content-Encoding": encoding.encode()}
            return await client.post(path, content=content, headers=headers)

    return asyncio.run(story())


@pytest.mark.parametrize("encoding", [*MADE, " GZIP ", "identity, gzip"])
def test_a_compressed_window_is_answered_as_the_plain_one(repository: Path, encoding: str) -> None:
    content = MADE.get(encoding, gzip.compress)(BODY)
    answer, plain = posted(repository, "/predict", content, encoding), posted(repository, "/predict", BODY, "identity")
    assert (answer.status_code, plain.status_code) == (200, 200), answer.text
    assert answer.json()["probabilities"] == plain.json()["probabilities"]


def test_every_route_with_a_body_reads_a_compressed_one(repository: Path) -> None:
    tensor = {"name": "sequence", "shape": [1, 10, 84], "datatype": "FP32", "data": [0.1] * 840}
    bodies = {"/v2/models/gesture/infer": {"inputs": [tensor]}, "/v2/repository/index": {}, "/analyze": example_shot()}
    for path, body in bodies.items():
        content = zlib.compress(json.dumps(body).encode())
        assert posted(repository, path, content, "deflate").status_code == 200, path


@pytest.mark.parametrize(
    ("content", "encoding", "status", "sentence"),
    [
        (
            gzip.compress(b" " * LIMIT + BODY, mtime=0),
            "gzip",
            413,
            "the body has more than 65536 bytes decompressed, expected at",
        ),
        (
            gzip.compress(b" " * 50_000_000, mtime=0),
            "gzip",
            413,
            "the body has more than 65536 bytes decompressed, expected at",
        ),
        (zlib.compress(b" " * 50_000_000), "deflate", 413, "the body has more than 65536 bytes decompressed"),
        (b"\x1f\x8b" + bytes(70_000), "gzip", 413, "the body has 70002 bytes, expected at most 65536"),
        (SMALL[:-1], "gzip", 400, "the body ends in the middle of its gzip, expected all of it"),
        (SMALL[:20], "gzip", 400, "the body ends in the middle of its gzip, expected all of it"),
        (SMALL[:-8] + bytes(8), "gzip", 400, "the body is not gzip, as Content-Encoding says: "),
        (SMALL + SMALL, "gzip", 400, f"the body goes on after its gzip for {len(SMALL)} bytes, expected none"),
        (BODY, "gzip", 400, "the body is not gzip, as Content-Encoding says: "),
        (SMALL, "deflate", 400, "the body is not deflate, as Content-Encoding says: "),
        (gzip.compress(b"{", mtime=0), "gzip", 400, "the body is not JSON"),
        (b"", "gzip", 400, "the body is empty, expected a JSON object"),
        (BODY, "br", 415, "Content-Encoding is br, expected one of: gzip, deflate"),
        (SMALL, "gzip, gzip", 415, "Content-Encoding is gzip, gzip, expected one of: gzip, deflate"),
        (BODY, "²", 415, "Content-Encoding is "),
    ],
)
def test_what_is_not_what_it_says_is_refused(
    repository: Path, content: bytes, encoding: str, status: int, sentence: str
) -> None:
    answer = posted(repository, "/predict", content, encoding)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(sentence)
    assert (answer.headers.get("accept-encoding") == "gzip, deflate") == (status == 415)


@pytest.mark.anyio
async def test_two_headers_of_encodings_count_as_one(repository: Path) -> None:
    async with asyncio.timeout(20), local_client(repository) as client:
        headers = [("Content-Encoding", "gzip"), ("Content-Encoding", "br")]
        answer = await client.post("/predict", content=SMALL, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_encoding")


def test_the_room_for_bodies_is_shared_and_free_again_after_each() -> None:
    room = BodyMemoryLimit()
    with room.hold(10) as first:
        first(6)
        with room.hold(10) as second:
            second(4)
            with pytest.raises(Overloaded, match="bodies of 10 bytes are being read, the limit is 10"):
                first(1)
        first(4)
    with room.hold(10) as third:
        third(10)


@pytest.mark.anyio
async def test_one_large_body_too_many_gets_a_429_and_the_others_their_answers(repository: Path) -> None:
    shot = json.dumps(example_shot()).encode()
    limit = len(shot) + 100
    held = asyncio.Event()
    taken = asyncio.Semaphore(0)

    async with (
        asyncio.timeout(20),
        local_client(repository, (), max_analyze_bytes=limit) as client,
        asyncio.TaskGroup() as group,
    ):

        async def slowly() -> AsyncIterator[bytes]:
            yield shot[:-1]
            taken.release()
            await held.wait()
            yield shot[-1:]

        slow = [group.create_task(client.post("/analyze", content=slowly())) for _ in range(4)]
        for _ in slow:
            await taken.acquire()
        refused = await client.post("/analyze", content=shot)
        assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert (await client.post("/predict", json=EXAMPLE)).status_code == 200
        held.set()
        assert [(await task).status_code for task in slow] == [200] * 4
        assert (await client.post("/analyze", content=shot)).status_code == 200
