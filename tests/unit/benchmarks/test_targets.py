"""Each target is judged by what was measured, and by nothing where it wasn't."""

import pytest

from benchmarks.load.results import LoadResult
from benchmarks.serving.results import LoadKey, Results, Sample, at_connections
from benchmarks.serving.targets import list_targets


def measured(*speeds: tuple[str, str, int, float, float]) -> Results:
    """Results of servers in an encoding at so many connections: their requests/s and p50 in ms."""
    results = Results()
    for server, encoding, connections, requests_per_s, p50_ms in speeds:
        key = LoadKey(server, encoding, at_connections(connections))
        results.add(key, Sample(LoadResult(requests_per_s, p50_ms, 10.0, 0), 1000.0))
    return results


def get_verdicts(results: Results) -> dict[str, list[str]]:
    return {name: rest for name, *rest in (target.get_cells() for target in list_targets(results))}


def test_nothing_measured_is_nothing_met() -> None:
    assert {verdict for _, _, verdict in get_verdicts(Results()).values()} == {"not measured"}


@pytest.mark.parametrize(
    ("theirs", "found", "verdict"),
    [(100.0, "4.00×", "met"), (101.0, "3.96×", "missed"), (0.0, "–", "not measured")],
)
def test_a_ratio_of_speeds_at_64_connections(theirs: float, found: str, verdict: str) -> None:
    results = measured(("helen", "json", 64, 400.0, 1.0), ("flask_torch", "json", 64, theirs, 1.0))
    assert get_verdicts(results)["JSON, 64 connections, against flask_torch"] == ["≥ 4.00×", found, verdict]


def test_the_lone_requests_ratio_is_one_of_waiting_times_and_has_a_most() -> None:
    results = measured(("helen", "json", 1, 100.0, 3.4), ("litserve_onnx", "json", 1, 300.0, 2.0))
    cells = get_verdicts(results)["JSON, 1 connection, p50 against litserve_onnx"]
    assert cells == ["≤ 1.60×", "1.70×", "missed"]


def test_our_own_encodings_are_measured_against_our_own_json() -> None:
    speeds = (("json", 100.0), ("fp16", 125.0), ("stream", 140.0))
    cells = get_verdicts(measured(*(("helen", encoding, 64, speed, 1.0) for encoding, speed in speeds)))
    assert cells["FP16, 64 connections, against our own JSON"] == ["≥ 1.25×", "1.25×", "met"]
    stream = cells["live sessions, 64, predictions/s against our own JSON at 64"]
    assert stream == ["≥ 1.50×", "1.40×", "missed"]


def test_pis_and_start() -> None:
    results = measured(("helen", "stream", 64, 100.0, 1.0))
    results.pis, results.ready_s = {"stream": 64, "fp16": 0}, {"helen": [30.0, 12.0]}
    cells = get_verdicts(results)
    assert cells["Pis at 15 predictions/s, p99 < 50 ms, live sessions"] == ["≥ 60", "64", "met"]
    assert cells["Pis at 15 predictions/s, p99 < 50 ms, FP16 over HTTP"] == ["≥ 60", "0", "missed"]
    assert cells["ready after `serve run`, the last start"] == ["≤ 15 s", "12 s", "met"]
