"""What a ``MicroBatcher`` holds: items with their callers' futures, alone and as a batch in flight."""

import asyncio
import contextlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class Entry(Generic[Item, Answer]):
    """An item that waits or is under way, the shape of those it may share a batch with, and its caller's future."""

    item: Item
    shape: Hashable
    future: "asyncio.Future[Answer]"


@dataclass(frozen=True, slots=True)
class Alone:
    """The shape of items whose batch failed: each runs again in a batch of its own."""

    shape: Hashable


class Batch(NamedTuple, Generic[Item, Answer]):
    """A batch that is in flight."""

    shape: Hashable
    entries: list[Entry[Item, Answer]]


def fail(entries: "Sequence[Entry[Item, Answer]]", error: Exception) -> None:
    """Raise an exception to every caller of a batch."""
    for entry in entries:
        set_result_or_exception(entry.future, error)


def set_result_or_exception(future: "asyncio.Future[Answer]", answer: Answer | Exception) -> None:
    """Give a caller its answer or its exception, unless it has gone."""
    with contextlib.suppress(asyncio.InvalidStateError):
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
