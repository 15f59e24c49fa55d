"""A model replica that starts while its repository is away."""

import threading
from pathlib import Path

from serve_app.deployments.model import ModelReplica

WITHIN_S = 30


def test_a_replica_that_starts_without_its_repository_waits_for_it(repository: Path) -> None:
    away = repository.with_name("away")
    repository.rename(away)
    started: list[ModelReplica] = []

    def start() -> None:
        started.append(ModelReplica("gesture", [str(repository)], startup_timeout_s=WITHIN_S))

    starting = threading.Thread(target=start)
    starting.start()
    starting.join(0.5)
    assert not started
    away.rename(repository)
    starting.join(WITHIN_S)
    assert started[0].status().version == "1"


def test_when_its_patience_is_over_it_comes_up_and_says_why(tmp_path: Path) -> None:
    assert "no gesture model could be loaded" in (ModelReplica("gesture", [str(tmp_path)]).status().reason or "")
