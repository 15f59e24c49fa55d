"""Runs the strategies: so many cases of a kind from a seed, counted by what came of them."""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, seed, settings
from starlette.types import ASGIApp

from testkit.stages.local_stages import LocalStages, local_app
from tests.fuzz.strategies import KINDS, FuzzCase

Send = Callable[[FuzzCase], str]


@contextlib.contextmanager
def app_in_process(repository: Path) -> Iterator[tuple[BlockingPortal, ASGIApp]]:
    """The service's own code on an event loop of another thread."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(local_app(LocalStages(repository))) as app,
    ):
        yield portal, app


def in_portal(portal: BlockingPortal, send: Callable[[FuzzCase], Awaitable[str]]) -> Send:
    """A blocking call of an async client."""
    return lambda case: portal.call(send, case)


def run_cases(kind: str, send: Send, first_seed: int, count: int, *, shrink: bool = True) -> Counter[str]:
    """Send ``count`` cases of a kind; what came of them. A failure is raised with the smallest case that has it."""
    outcomes: Counter[str] = Counter()
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

    @seed(first_seed)
    @settings(max_examples=count, phases=phases, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(KINDS[kind])
    def send_one(case: FuzzCase) -> None:
        outcomes[send(case)] += 1

    send_one()
    return outcomes
