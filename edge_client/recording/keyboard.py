"""Single keys of the terminal, without Enter."""

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def read_keys() -> Iterator[Callable[[], str]]:
    """What gives the key pressed since the last call, or an empty text; keys need no Enter."""
    if not sys.stdin.isatty():
        yield lambda: ""
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        # Not through sys.stdin, whose buffer would keep the second of two quick keys from select.
        waiting = [descriptor]
        yield lambda: os.read(descriptor, 1).decode(errors="ignore") if select.select(waiting, [], [], 0)[0] else ""
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
