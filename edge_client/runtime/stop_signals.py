"""SIGINT, SIGTERM and SIGHUP close the source, so that the loop over its frames ends in order."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

log = logging.getLogger(__name__)

# A closed SSH session sends SIGHUP.
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stop_on_signals(close: Callable[[], object]) -> Iterator[threading.Event]:
    """Give the event that is set when one of the signals comes; ``close`` is called then, from a thread of its own.

    The handlers are as before once the block ends. Outside the main thread, where Python takes no handlers, nothing
    sets it.
    """
    stop = threading.Event()

    def ask_to_stop(number: int, _: FrameType | None) -> None:
        log.info("stopping on signal %d", number)
        stop.set()
        threading.Thread(target=close, daemon=True).start()

    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = set(STOP_SIGNALS)
        if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # nohup: it shall outlive its terminal
            numbers.remove(signal.SIGHUP)
        before = {number: signal.signal(number, ask_to_stop) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
