import argparse

import pytest

from training.command_line import format_table, make_parser, number, reproducible_command, whole_number


def test_a_command_shows_the_data_folder_as_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELEN_DATA_DIR", "/somewhere/data/")
    shown = reproducible_command("training.evaluate", ["--data_dir", "/somewhere/data/asl", "--data_name", "two words"])
    assert shown == "python -m training.evaluate --data_dir $HELEN_DATA_DIR/asl --data_name 'two words'"


def test_without_the_variable_a_command_is_shown_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELEN_DATA_DIR", raising=False)
    assert reproducible_command("training.evaluate", ["--seeds", "3"]) == "python -m training.evaluate --seeds 3"


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "4294967296", ""])
def test_a_whole_number_beyond_its_bounds_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{text!r} found, expected a whole number from 1 up$"):
        whole_number(1)(text)
    assert (whole_number(1)("1"), whole_number(1)("4294967295")) == (1, 2**32 - 1)


@pytest.mark.parametrize("text", ["-0.1", "60.1", "nan", "inf", "two"])
def test_a_number_beyond_its_bounds_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{text!r} found, expected 0 to 60 seconds$"):
        number(0, 60, "seconds")(text)
    assert (number(0, 60)("0"), number(0, 60)("1e1")) == (0, 10)


def test_a_parser_shows_the_command_and_the_first_line_of_its_documentation() -> None:
    parser = make_parser("simulate", "Made hands.\n\nMore of them.")
    assert (parser.prog, parser.description) == ("python -m training.simulate", "Made hands.")
    assert make_parser("simulate", None).description == ""


def test_a_table_has_a_head_a_rule_and_a_line_for_each_row() -> None:
    assert format_table(["a", "b"], [["1", "2"]]) == ["| a | b |", "|---|---|", "| 1 | 2 |"]
