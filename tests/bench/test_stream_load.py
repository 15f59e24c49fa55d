"""The load client of ``WS /stream`` against the service's own code."""

from pathlib import Path

import pytest

from bench import BenchError
from bench.stream_load import measure
from testkit.edge.stream_service import live_service

FRAME_BYTES = 84 * 2
NUMBER_BYTES = 4


@pytest.mark.anyio
@pytest.mark.parametrize(("rate", "frames"), [(None, 1), (20.0, 1), (20.0, 2), (20.0, 3)])
async def test_every_prediction_is_of_a_whole_window_and_counted_once(
    repository: Path, rate: float | None, frames: int
) -> None:
    with live_service(repository) as service:
        measured = await measure(service.url, sessions=3, seconds=0.5, rate=rate, frames=frames)
    assert (measured.errors, measured.closed, measured.said) == (0, 0, "")
    assert measured.answered >= len(measured.latencies_ms) > 0
    assert service.sessions == 3
    sizes = {len(message) for message in service.received}
    assert sizes == {(30 - frames) * FRAME_BYTES, frames * FRAME_BYTES + NUMBER_BYTES}


@pytest.mark.anyio
async def test_a_service_that_admits_no_more_sessions_is_an_error_and_no_figure(repository: Path) -> None:
    with live_service(repository, max_sessions=1) as service, pytest.raises(BenchError, match="429"):
        await measure(service.url, sessions=2, seconds=0.1, rate=None)
