"""Rounds become medians, medians become rows."""

import pytest

from bench.table import markdown, median_of, rounds_table, serving_table
from bench.wrk import Load

SLOW, FAST, FASTEST = Load(100.0, 10.0, 20.0, 1), Load(300.0, 5.0, 9.0, 0), Load(320.0, 4.0, 8.0, 2)


def test_figures_are_the_median_of_the_rounds_and_errors_their_sum() -> None:
    assert median_of([FASTEST, SLOW, FAST]) == Load(300.0, 5.0, 9.0, 3)


def test_a_row_holds_the_ratio_to_the_baseline_at_as_many_connections() -> None:
    table = serving_table(
        {("flask", 1): [SLOW], ("flask", 16): [FASTEST], ("helen", 1): [FAST], ("helen", 16): [SLOW]}, ["flask"]
    )
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert cells[0] == ["server", "connections", "requests/s", "p50 ms", "p99 ms", "errors", "against flask"]
    assert cells[2:] == [
        ["flask", "1", "100", "10.0", "20.0", "1", "1.00×"],
        ["flask", "16", "320", "4.0", "8.0", "2", "1.00×"],
        ["helen", "1", "300", "5.0", "9.0", "0", "3.00×"],
        ["helen", "16", "100", "10.0", "20.0", "1", "0.31×"],
    ]


@pytest.mark.parametrize("baseline", [[], [Load(0.0, 1.0, 1.0, 9)]])
def test_without_a_baseline_there_is_no_ratio(baseline: list[Load]) -> None:
    rounds = {("helen", 1): [FAST]} | ({("flask", 1): baseline} if baseline else {})
    assert serving_table(rounds, ["flask"]).splitlines()[2].endswith(" – |")


def test_every_round_is_shown_beside_the_others() -> None:
    assert rounds_table({("helen", 64): [SLOW, FAST]}).splitlines()[0] == "| server | connections | round 1 | round 2 |"
    assert rounds_table({("helen", 64): [SLOW, FAST]}).splitlines()[2] == "| helen  |          64 |     100 |     300 |"


def test_columns_line_up_and_numbers_go_to_the_right() -> None:
    assert markdown(("name", "n"), [("a", "1"), ("long name", "1000")]).splitlines() == [
        "| name      |    n |",
        "| --------- | ---: |",
        "| a         |    1 |",
        "| long name | 1000 |",
    ]
