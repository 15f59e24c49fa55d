"""The countdown in the terminal, in figures that can be read at arm's length. Knows no lesson but its state."""

import sys
from typing import Final, Protocol

from edge_client.teaching.words import WORDS
from edge_client.types import LessonState
from landmarks.models.vocabulary_advice import Language

CLEAR: Final = "\x1b[2J\x1b[H"
COLOURS: Final = {"get_ready": "\x1b[33m", "now": "\x1b[1;31m", "seen": "\x1b[1;32m", "missed": "\x1b[1;35m"}
PLAIN: Final = "\x1b[0m"
SCALE: Final = 4  # characters a dot is wide, and half as many lines high

FIGURES: Final = {
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("## ", "  #", " # ", "#  ", "###"),
    "3": ("## ", "  #", " # ", "  #", "## "),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "## ", "  #", "## "),
    "6": (" ##", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", " # ", " # ", " # "),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "## "),
    "now": (" ### ", "#####", "#####", "#####", " ### "),
    "seen": ("      #", "     # ", "#   #  ", " # #   ", "  #    "),
    "missed": ("#   #", " # # ", "  #  ", " # # ", "#   #"),
}


class Output(Protocol):
    """A terminal, or a file in its place."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...

    def isatty(self) -> bool: ...


class CountdownDisplay:
    """Draws a lesson's state whenever it changes: large in a terminal, a line in a file."""

    def __init__(self, language: Language, output: Output | None = None) -> None:
        self._words = WORDS[language]
        self._output = output or sys.stdout
        self._shown = ""

    def show(self, state: LessonState) -> None:
        """Draw the state, unless it is drawn already."""
        line = self._words[state.phase].format(gesture=state.gesture, number=state.number, count=state.count)
        drawn = f"{line}\n"
        if self._output.isatty():
            figure = state.phase if state.phase != "get_ready" else str(min(state.seconds, 9))
            drawn = f"{CLEAR}{COLOURS[state.phase]}{line}\n\n{draw_figure(figure)}{PLAIN}\n"
        if drawn != self._shown:
            self._output.write(drawn)
            self._output.flush()
        self._shown = drawn


def draw_figure(figure: str) -> str:
    """A digit, or the sign of a phase, in block characters; empty for one that has none."""
    rows = ["".join("█" * SCALE if dot == "#" else " " * SCALE for dot in row) for row in FIGURES.get(figure, ())]
    return "\n".join(row for row in rows for _ in range(SCALE // 2))
