"""What tests of the batcher let it run, and how they submit to it."""

import asyncio
from collections.abc import Sequence

from serve_app.batching.batcher import MicroBatcher
from serve_app.batching.linger import Linger
from serve_app.errors import NotReady


class EchoBackend:
    """Runs batches that wait for a gate, records them, and answers 2 × item; "bad" items and "poison" fail."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0
        self.most_running = 0

    async def __call__(self, items: Sequence[object]) -> Sequence[object | Exception]:
        self.batches.append(list(items))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0)  # so that batches that may run at the same time do
            await self.gate.wait()
            if "poison" in items:
                raise RuntimeError("poison in the batch")
            if "away" in items:
                raise NotReady("the model is away")
            return [ValueError("bad item") if item == "bad" else item * 2 for item in items]  # type: ignore[operator]
        finally:
            self.running -= 1


def build_batcher(
    run: EchoBackend, size: int = 8, slots: int = 1, waiting: int = 100, linger: Linger | None = None
) -> MicroBatcher[object, object]:
    return MicroBatcher(run, max_batch_size=size, max_in_flight=slots, max_waiting=waiting, linger=linger)


async def submit_all(
    target: MicroBatcher[object, object], items: Sequence[object], shape: object = "s"
) -> list[object]:
    """Each item's answer, or the exception that was raised to its caller."""

    async def submit(item: object) -> object:
        try:
            answer = await target.submit(item, shape)
        except Exception as error:
            return error
        assert not isinstance(answer, Exception), "an exception was returned to a caller instead of raised"
        return answer

    return await asyncio.gather(*(submit(item) for item in items))


async def let_others_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
