"""The countdown in the terminal: large figures, drawn when something changes, in both languages."""

import io
import string

import pytest

from edge_client.teaching.display import FIGURES, CountdownDisplay, draw_figure
from edge_client.teaching.words import WORDS, choose_language
from edge_client.types import LessonState


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def state(phase: str = "get_ready", seconds: int = 3) -> LessonState:
    return LessonState(gesture="wave", phase=phase, number=2, count=5, seconds=seconds)  # type: ignore[arg-type]


def test_a_terminal_gets_figures_that_can_be_read_at_arms_length() -> None:
    terminal = Terminal()
    display = CountdownDisplay("en", terminal)
    display.show(state())
    assert "wave 2/5: get ready" in terminal.getvalue()
    assert draw_figure("3") in terminal.getvalue()
    lines = draw_figure("3").splitlines()
    assert len(lines) == 10
    assert {len(line) for line in lines} == {12}


def test_the_same_picture_is_drawn_once() -> None:
    terminal = Terminal()
    display = CountdownDisplay("en", terminal)
    for _ in range(30):
        display.show(state())
    once = len(terminal.getvalue())
    display.show(state(seconds=2))
    assert terminal.getvalue().count("\x1b[2J") == 2
    assert len(terminal.getvalue()) > once


def test_a_file_gets_one_line_a_phase_and_no_control_characters() -> None:
    output = io.StringIO()
    display = CountdownDisplay("es", output)
    for shown in (state(seconds=3), state(seconds=2), state("now"), state("seen"), state("missed")):
        display.show(shown)
    lines = output.getvalue().splitlines()
    assert lines == [
        *("wave 2/5: prepárate", "wave 2/5: ¡ahora!", "wave 2/5: grabada"),
        "wave 2/5: no se vio ninguna mano, otra vez",
    ]


def test_every_figure_is_a_rectangle() -> None:
    for rows in FIGURES.values():
        assert len(rows) == 5
        assert len({len(row) for row in rows}) == 1


def test_both_languages_say_the_same_things() -> None:
    assert WORDS["en"].keys() == WORDS["es"].keys()
    for name, sentence in WORDS["en"].items():
        fields = [
            {field for _, field, _, _ in string.Formatter().parse(text) if field}
            for text in (sentence, WORDS["es"][name])
        ]
        assert fields[0] == fields[1], name


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "es_ES.UTF-8"}, "es"),
        ({"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "es_MX"}, "es"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_is_the_terminals(environment: dict[str, str], language: str) -> None:
    assert choose_language(environment) == language
