"""The closed loop: each connection asks again when its answer is in. Load and CPU time of one server in one way."""

from pathlib import Path

from bench import client, cpu, wrk
from bench.peer import Peer
from bench.results import Cpu
from bench.way import HTTP_WAYS, STREAM
from bench.window import made_window
from bench.wrk import Load
from edge_client.service.request_encoding import EncodedRequest


def question_of(way: str) -> EncodedRequest:
    """The request that a load repeats: one made window, asked for in that way."""
    return HTTP_WAYS[way].question(made_window(seed=0))


def body_file(way: str, folder: Path) -> Path:
    """That request's body as a file, which load clients read."""
    path = folder / f"window.{way}"
    path.write_bytes(question_of(way).body)
    return path


def load(peer: Peer, way: str, folder: Path, *, connections: int, seconds: int, warm_up: int) -> tuple[Load, Cpu]:
    """Load a running server for ``seconds`` after ``warm_up``, with its CPU time meanwhile.

    A live session warms up by itself for a second, whose windows and CPU time both count in the latter.

    Raises:
        BenchError: the load client failed.
    """
    if way == STREAM:
        if warm_up > 1:
            client.sessions(peer.url, connections, warm_up - 1)
        before = cpu.snapshot()
        outcome = client.sessions(peer.url, connections, seconds)
        return outcome.load, Cpu(cpu.spent(before, cpu.snapshot()), outcome.windows)
    question, body = question_of(way), body_file(way, folder)
    url = peer.url + question.path
    wrk.load(url, question.headers, body, connections=connections, seconds=warm_up)
    before = cpu.snapshot()
    measured = wrk.load(url, question.headers, body, connections=connections, seconds=seconds)
    return measured, Cpu(cpu.spent(before, cpu.snapshot()), measured.requests_per_s * seconds)
