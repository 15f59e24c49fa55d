"""A published model goes live while requests flow; a broken one doesn't; pins and roll-backs work without a restart."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from landmarks.models.card import MODEL_FILE
from testkit.load import constant_load
from testkit.model_files import build_card, linear_model, write_version
from testkit.service import RunningService

pytestmark = pytest.mark.e2e

LIVE_WITHIN_S = 10
EVERYONE_LOOKED_S = 4  # model replicas look every 2 s, ingress replicas ask them once a second


def metadata(service: RunningService) -> dict[str, Any]:
    fields: dict[str, Any] = httpx.get(f"{service.url}/metadata", timeout=30).json()
    return fields


def wait_for(
    service: RunningService, said: Callable[[dict[str, Any]], bool], seconds: float, lasting_s: float = 0
) -> dict[str, Any]:
    """Wait until ``/metadata`` says something, and goes on saying it for ``lasting_s``."""
    deadline = time.monotonic() + seconds
    since = None
    while since is None or time.monotonic() < since + lasting_s:
        if said(fields := metadata(service)):
            since = since or time.monotonic()
        else:
            since = None
            assert time.monotonic() < deadline, fields
        time.sleep(0.1)
    return fields


@pytest.fixture
def next_version(service: RunningService) -> Any:
    """Publishes a made model as the next version, in one rename as ``training.publish`` does; removes it afterwards."""
    published: list[Path] = []

    def publish(spoil: Callable[[Path], None] = lambda folder: None, seed: int = 5) -> int:
        name = service.repository / "gesture"
        version = max(int(folder.name) for folder in name.iterdir() if folder.name.isdigit()) + 1
        model = linear_model(seed=seed)
        scratch = service.repository / f".scratch-{version}"
        folder = write_version(scratch, version, model, build_card(model))
        spoil(folder)
        folder.rename(name / str(version))
        shutil.rmtree(scratch)
        published.append(name / str(version))
        return version

    yield publish
    for folder in published:
        shutil.rmtree(folder, ignore_errors=True)
    wait_for(service, lambda fields: fields["version"] == "1", LIVE_WITHIN_S, lasting_s=EVERYONE_LOOKED_S)


@pytest.mark.anyio
async def test_a_published_version_is_live_within_ten_seconds_and_a_deleted_one_gone_with_no_failed_request(
    service: RunningService, next_version: Callable[[], int]
) -> None:
    async with constant_load(service.url) as load:
        await load.until_version("1", 10)
        version = await asyncio.to_thread(next_version)
        await load.until_version(str(version), LIVE_WITHIN_S)
        shutil.rmtree(service.repository / "gesture" / str(version))
        load.forget_versions()
        await load.until_version("1", LIVE_WITHIN_S)
    assert set(load.statuses) == {200}, load.statuses
    assert load.statuses[200] > 50


@pytest.mark.anyio
async def test_a_broken_version_is_refused_with_its_reason_while_the_old_one_answers(
    service: RunningService, next_version: Callable[[Callable[[Path], None]], int]
) -> None:
    def truncate(folder: Path) -> None:
        whole = (folder / MODEL_FILE).read_bytes()
        (folder / MODEL_FILE).write_bytes(whole[:100])

    async with constant_load(service.url) as load:
        await asyncio.to_thread(next_version, truncate)
        said = await asyncio.to_thread(wait_for, service, lambda fields: fields["models"]["gesture"]["refused"], 10)
    (reason,) = said["models"]["gesture"]["refused"].values()
    assert "SHA-256" in reason
    assert said["version"] == "1"
    assert set(load.statuses) == {200}
    assert set(load.answered) == {"1"}


@pytest.mark.anyio
async def test_a_pin_in_the_user_config_rolls_back_without_restarting_a_replica(
    service: RunningService, next_version: Callable[[], int]
) -> None:
    version = next_version()
    wait_for(service, lambda fields: fields["version"] == str(version), LIVE_WITHIN_S)
    before = service.replica_pids("GestureGRU")

    try:
        async with constant_load(service.url) as load:
            await asyncio.to_thread(deploy_pin, service, 1)
            load.forget_versions()
            await load.until_version("1", 30)
    finally:
        deploy_pin(service, "latest")
        # It holds once the published version is back; before that, the clean-up would race with the replicas.
        wait_for(service, lambda fields: fields["version"] == str(version), 30)
    assert set(load.statuses) == {200}
    assert set(before) <= set(service.replica_pids("GestureGRU"))


def deploy_pin(service: RunningService, version: int | str) -> None:
    """Redeploy the running config with another pin, as an operator would."""
    config = yaml.safe_load(service.config.read_text())
    deployments = {deployment["name"]: deployment for deployment in config["applications"][0]["deployments"]}
    deployments["GestureGRU"]["user_config"]["version"] = version
    service.config.write_text(yaml.safe_dump(config))
    child = subprocess.run(
        ["serve", "deploy", str(service.config), "--address", service.dashboard()],
        env=service.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == 0, child.stderr
