"""A replica is killed while requests flow."""

import asyncio
import os
import signal

import pytest

from tests.e2e.load import Load, constant_load
from tests.e2e.running_service import RunningService

pytestmark = pytest.mark.e2e

BACK_WITHIN_S = 60


async def replaced(service: RunningService, deployment: str, killed: list[int]) -> None:
    """Wait until a deployment has a replica again that isn't one of those killed."""
    async with asyncio.timeout(BACK_WITHIN_S):
        while not set(await asyncio.to_thread(service.replica_pids, deployment)) - set(killed):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("deployment", ["GestureGRU", "Postprocess"])
def test_a_killed_stage_is_replaced_and_no_request_is_lost(service: RunningService, deployment: str) -> None:
    async def story() -> Load:
        async with constant_load(service.url, clients=4) as load:
            await load.until_version("1", 10)
            killed = service.replica_pids(deployment)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            await replaced(service, deployment, killed)
            load.forget_versions()
            await load.until_version("1", BACK_WITHIN_S)
        return load

    load = asyncio.run(story())
    assert set(load.statuses) == {200}, load.statuses
