"""The ordered stop of a service: no new connection, what was accepted is answered, then Ray goes.

``driver.py`` has ``serve run`` do all of it. ``python -m serve_app.lifecycle.shutdown`` does the first two for the
service of this machine, before ``serve shutdown`` does the third.
"""

import asyncio
import logging
import os
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import ray
from ray import serve
from ray.serve.exceptions import RayServeException

from serve_app.lifecycle.haproxy import HAProxy, find_proxies
from serve_app.lifecycle.processes import Process, descendants

logger = logging.getLogger(__name__)

DRAIN_S: Final = 12.0  # longer than request_deadline_s: whoever waits is answered by then
GONE_S: Final = 1.0
GLANCE_S: Final = 0.05
QUIET: Final = 2  # glances in a row that see no request: the last answer may be on its way


def stop_service() -> None:
    """Answer what is under way in the Serve instance that this process works with, then shut it down.

    A Ray cluster that this process has started ends too; one that it has joined goes on without Serve.
    """
    if not ray.is_initialized():
        return
    logging.getLogger("ray.serve").setLevel(logging.CRITICAL)  # what it misses from now on is meant to be gone
    family = descendants(os.getpid())
    proxies = find_proxies(ray.get_runtime_context().get_node_id())
    close_ports(proxies)
    try:
        asyncio.run(drain_replicas(proxies))
    except Exception as error:  # whatever it was, the service is to end
        logger.warning("not every request was answered: %s", str(error) or type(error).__name__)
    if not any(Path(process.command()[0]).name == "raylet" for process in family):
        serve.shutdown()  # type: ignore[no-untyped-call]
    ray.shutdown()
    wait_until_gone(family)


def close_ports(proxies: Iterable[HAProxy]) -> None:
    """Have these accept no further connection."""
    for proxy in proxies:
        with suppress(OSError):  # it has gone already
            proxy.close_port()


async def drain_replicas(proxies: Sequence[HAProxy]) -> None:
    """Have every ingress replica end its live sessions and answer its requests; meanwhile the ports stay closed."""
    handles = []
    for name in serve.status().applications:
        with suppress(RayServeException):  # it has not started yet: nobody was accepted
            handles.append(serve.get_app_handle(name))
    answers = [handle.broadcast("drain", DRAIN_S).results_async(timeout_s=DRAIN_S + 1) for handle in handles]
    draining = asyncio.gather(*answers)
    while not draining.done():
        await asyncio.wait([draining], timeout=GLANCE_S)
        close_ports(proxies)  # again: Serve starts a successor, with an open port, whenever a replica comes or goes
    await draining


def wait_until_answered(proxies: Sequence[HAProxy]) -> None:
    """Wait until no request and no live session is under way in these, or for ``DRAIN_S``."""
    deadline = time.monotonic() + DRAIN_S
    quiet = 0
    while quiet < QUIET and time.monotonic() < deadline:
        time.sleep(GLANCE_S)
        quiet = 0 if any(map(is_busy, proxies)) else quiet + 1


def is_busy(proxy: HAProxy) -> bool:
    """Whether a request is under way in this HAProxy; one that doesn't answer any more has none."""
    try:
        return proxy.count_requests() > 0
    except OSError:
        return False


def wait_until_gone(family: Collection[Process]) -> None:
    """Wait until none of these processes runs, or for ``GONE_S``."""
    deadline = time.monotonic() + GONE_S
    while any(process.running() for process in family) and time.monotonic() < deadline:
        time.sleep(GLANCE_S)


if __name__ == "__main__":
    close_ports(every := find_proxies())
    wait_until_answered(every)
