"""The slot between two threads."""

from edge_client.runtime.newest_slot import NewestSlot


def test_a_slot_keeps_the_newest() -> None:
    slot: NewestSlot[int] = NewestSlot()
    for item in (1, 2, 3):
        slot.put(item)
    slot.offer(4)
    assert slot.take(0.0) == 3
    assert slot.take(0.0) is None
    slot.offer(4)
    assert slot.take(0.0) == 4
