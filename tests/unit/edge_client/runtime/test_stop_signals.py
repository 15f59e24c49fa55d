"""Signals as a wish to stop: the source is closed, nohup is respected, and the handlers of before come back."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from edge_client.capture.frames import Frame
from edge_client.runtime.stop_signals import STOP_SIGNALS, stop_on_signals
from testkit.waiting import wait_until


class OpenSource:
    fps = 30.0

    def __init__(self) -> None:
        self.closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        return iter(())

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_closes_the_source(number: signal.Signals) -> None:
    source = OpenSource()
    before = signal.getsignal(number)
    with stop_on_signals(source.close) as stop:
        os.kill(os.getpid(), number)
        wait_until(stop.is_set)
        assert source.closed.wait(10)
    assert signal.getsignal(number) is before


def test_nohup_outlives_the_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(OpenSource().close) as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_takes_no_handlers() -> None:
    handlers = []

    def work() -> None:
        with stop_on_signals(OpenSource().close):
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert handlers == [before]
