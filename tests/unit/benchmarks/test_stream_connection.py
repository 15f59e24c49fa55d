"""Live sessions of a load against the service's own code."""

from pathlib import Path

import pytest

from benchmarks import BenchmarkError
from benchmarks.load.generator import send_closed_loop, send_in_turn
from benchmarks.load.results import ResponseLog
from benchmarks.load.stream_connection import build_stream_target
from testkit.edge.stream_service import live_service

FRAME_BYTES = 84 * 2
NUMBER_BYTES = 4
SESSIONS = 3


@pytest.mark.anyio
@pytest.mark.parametrize(("rate", "frames"), [(None, 1), (20.0, 1), (20.0, 2), (20.0, 3)])
async def test_every_prediction_is_of_a_whole_window_and_recorded_once(
    repository: Path, rate: float | None, frames: int
) -> None:
    async def load(url: str) -> ResponseLog:
        target = build_stream_target(url, frames)
        if rate is None:
            return await send_closed_loop(target, seconds=1, connections=SESSIONS)
        return await send_in_turn(target, rate=rate * SESSIONS, seconds=1, connections=SESSIONS)

    # Where nothing else runs, a session at full speed sends more than the 1 000 frames a second that are admitted.
    with live_service(repository, session_frames_per_s=100_000) as service:
        responses = await load(service.url)
    assert (set(responses.statuses), responses.lost_connections, responses.first_error) == ({200}, 0, "")
    assert 0 < responses.statuses[200] <= responses.sent
    assert service.sessions == SESSIONS
    sizes = {len(message) for message in service.received}
    assert sizes == {(30 - frames) * FRAME_BYTES, frames * FRAME_BYTES + NUMBER_BYTES}


@pytest.mark.anyio
async def test_a_service_that_admits_no_more_sessions_is_an_error_and_no_figure(repository: Path) -> None:
    with live_service(repository, max_sessions=1) as service, pytest.raises(BenchmarkError, match="429"):
        await send_closed_loop(build_stream_target(service.url), seconds=0.1, connections=2)
