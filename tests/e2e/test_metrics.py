"""One scrape of the real service: every stage's replicas are in it, whichever ingress replica it reaches."""

import time

import httpx
import pytest

from testkit.load import EXAMPLE
from testkit.service import RunningService
from tests.unit.serve_app.observability.test_metrics import Samples, parse_samples, value

pytestmark = pytest.mark.e2e

STAGES = {"preprocess": ("Preprocess",), "inference": ("GestureGRU", "ShotTCN"), "postprocess": ("Postprocess",)}


def scrape(service: RunningService) -> Samples:
    answer = httpx.get(f"{service.url}/metrics", timeout=30)
    assert answer.status_code == 200, answer.text
    return parse_samples(answer.text)


def test_what_passes_through_the_stages_is_counted_in_each(service: RunningService) -> None:
    before = scrape(service)
    for _ in range(20):
        assert httpx.post(f"{service.url}/predict", json=EXAMPLE, timeout=30).status_code == 200
    after = scrape(service)

    def rise(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert rise("helen_requests_total", route="/predict", status="200") == 20
    assert rise("helen_batch_size_sum", model="gesture") == 20
    assert rise("helen_predictions_total", model="gesture") == 20
    assert rise("helen_window_frames_total", model="gesture") == 200
    for stage in STAGES:
        assert rise("helen_stage_seconds_count", stage=stage, model="gesture") > 0


def test_every_replica_is_in_a_scrape(service: RunningService) -> None:
    deadline = time.monotonic() + 60  # a replica that just came or went is in one list before it is in the other
    while True:
        seen = scrape(service)
        counted = {
            stage: {int(labels["replica"].rpartition(":")[2]) for labels, _ in seen["helen_process_open_fds"]
                    if labels["stage"] == stage}
            for stage in STAGES
        }  # fmt: skip
        alive = {
            stage: {pid for deployment in deployments for pid in service.replica_pids(deployment)}
            for stage, deployments in STAGES.items()
        }
        if counted == alive:
            break
        assert time.monotonic() < deadline, (counted, alive)
        time.sleep(0.5)
    for stage, pids in alive.items():
        assert pids
        assert value(seen, "helen_replicas", stage=stage) == len(pids)
