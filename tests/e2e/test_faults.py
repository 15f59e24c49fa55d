"""A part of the service is killed while requests flow."""

import asyncio
import os
import signal
import time
from collections.abc import Callable

import pytest

from testkit.background_load import background_load
from testkit.load import constant_load
from testkit.service import RunningService

pytestmark = pytest.mark.e2e

BACK_WITHIN_S = 60


async def replaced(service: RunningService, deployment: str, killed: list[int]) -> None:
    """Wait until a deployment has a replica again that isn't one of those killed."""
    async with asyncio.timeout(BACK_WITHIN_S):
        while not set(await asyncio.to_thread(service.replica_pids, deployment)) - set(killed):
            await asyncio.sleep(0.2)


def test_with_the_helen_client_no_request_is_lost_when_every_ingress_replica_is_killed(service: RunningService) -> None:
    killed = service.replica_pids("Preprocess")
    with background_load(service.url, clients=4, raw=0, rate=4, retries=8) as load:
        wait_until(lambda: len(load.helen) > 20, "requests before the fault")
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: bool(set(service.replica_pids("Preprocess")) - set(killed)), "another replica")
        since = len(load.helen)
        wait_until(lambda: len(load.helen) > since + 20, "requests after the fault")
    assert not load.failed(), load.failed()


def test_another_controller_takes_over_and_no_request_fails(service: RunningService) -> None:
    killed = service.pids("ray::ServeController")
    with background_load(service.url, clients=0, raw=4, rate=4, retries=0) as load:
        wait_until(lambda: len(load.raw) > 20, "requests before the fault")
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: bool(set(service.pids("ray::ServeController")) - set(killed)), "another controller")
        since = len(load.raw)
        wait_until(lambda: len(load.raw) > since + 20, "requests after the fault")
    assert not load.errors(), load.errors()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that the fault brings about."""
    deadline = time.monotonic() + BACK_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {BACK_WITHIN_S} s"
        time.sleep(0.2)


@pytest.mark.anyio
@pytest.mark.parametrize("deployment", ["GestureGRU", "Postprocess"])
async def test_a_killed_stage_is_replaced_and_no_request_is_lost(service: RunningService, deployment: str) -> None:
    async with constant_load(service.url, clients=4) as load:
        await load.until_version("1", 10)
        killed = service.replica_pids(deployment)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        await replaced(service, deployment, killed)
        load.forget_versions()
        await load.until_version("1", BACK_WITHIN_S)
    assert set(load.statuses) == {200}, load.statuses
