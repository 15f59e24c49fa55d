"""Each figure to reach is judged by what was measured, and by nothing where it wasn't."""

import pytest

from bench.figures import figures
from bench.pis import Probe
from bench.results import Cpu, Key, Results
from bench.wrk import Load


def speed(requests_per_s: float, p50_ms: float = 1.0) -> list[Load]:
    return [Load(requests_per_s, p50_ms, 10.0, 0)]


def judged(results: Results) -> dict[str, tuple[str, str, str]]:
    return {what: (bound, found, verdict) for what, bound, found, verdict in (one.cells() for one in figures(results))}


def test_nothing_measured_is_nothing_reached() -> None:
    assert {verdict for _, _, verdict in judged(Results()).values()} == {"not measured"}


@pytest.mark.parametrize(
    ("theirs", "found", "verdict"),
    [(100.0, "4.00×", "reached"), (101.0, "3.96×", "not reached"), (0.0, "–", "not measured")],
)
def test_a_ratio_of_speeds_at_64_connections(theirs: float, found: str, verdict: str) -> None:
    loads = {Key("helen", "json", 64): speed(400.0), Key("flask_torch", "json", 64): speed(theirs)}
    cells = judged(Results(loads=loads))["JSON, 64 connections, against flask_torch"]
    assert cells == ("≥ 4.00×", found, verdict)


def test_the_lone_requests_ratio_is_one_of_waiting_times_and_has_a_most() -> None:
    loads = {Key("helen", "json", 1): speed(100.0, 3.4), Key("litserve_onnx", "json", 1): speed(300.0, 2.0)}
    cells = judged(Results(loads=loads))["JSON, 1 connection, p50 against litserve_onnx"]
    assert cells == ("≤ 1.60×", "1.70×", "not reached")


def test_our_own_ways_are_measured_against_our_own_json() -> None:
    loads = {Key("helen", way, 64): speed(value) for way, value in (("json", 100), ("fp16", 125), ("stream", 140))}
    cells = judged(Results(loads=loads))
    assert cells["FP16, 64 connections, against our own JSON"] == ("≥ 1.25×", "1.25×", "reached")
    stream = cells["live sessions, 64, predictions/s against our own JSON at 64"]
    assert stream == ("≥ 1.50×", "1.40×", "not reached")


def test_pis_share_and_start() -> None:
    results = Results(
        cpu={Key("helen", "stream", 64): [Cpu({"model": 1.0}, 1000)]},
        model_us={32: 250.0},
        pis={"stream": [Probe(64, Load(960.0, 5.0, 30.0, 0))], "fp16": [Probe(16, Load(240.0, 5.0, 80.0, 0))]},
        ready_s={"helen": [30.0, 12.0]},
    )
    cells = judged(results)
    assert cells["Pis at 15 predictions/s, p99 < 50 ms, live sessions"] == ("≥ 60", "64", "reached")
    assert cells["Pis at 15 predictions/s, p99 < 50 ms, FP16 over HTTP"] == ("≥ 60", "0", "not reached")
    share = cells["the model's share of the service's CPU time, 64 live sessions"]
    assert share == ("≥ 20 %", "25 %", "reached")
    assert cells["ready after `serve run`, the last start"] == ("≤ 15 s", "12 s", "reached")
