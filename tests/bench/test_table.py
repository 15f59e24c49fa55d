"""Loads become rows."""

import pytest

from bench.cpu import HAPROXY, SERVER
from bench.pis import Probe
from bench.results import Cpu, Key, OpenLoop, Results
from bench.table import cpu_table, markdown, open_loop_table, pis_table, rounds_table, serving_table
from bench.wrk import Load

SLOW, FAST, FASTEST = Load(100.0, 10.0, 20.0, 1), Load(300.0, 5.0, 9.0, 0), Load(320.0, 4.0, 8.0, 2)


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_a_row_holds_the_ratio_to_the_baseline_at_as_many_connections_in_whatever_way() -> None:
    rounds = {
        Key("flask", "json", 1): [SLOW],
        Key("flask", "json", 16): [FASTEST],
        Key("helen", "fp16", 1): [FAST],
        Key("helen", "json", 16): [SLOW],
    }
    cells = rows_of(serving_table(rounds, ["flask"]))
    assert cells[0] == ["server", "way", "connections", "requests/s", "p50 ms", "p99 ms", "errors", "against flask"]
    assert cells[2:] == [
        ["flask", "json", "1", "100", "10.0", "20.0", "1", "1.00×"],
        ["flask", "json", "16", "320", "4.0", "8.0", "2", "1.00×"],
        ["helen", "fp16", "1", "300", "5.0", "9.0", "0", "3.00×"],
        ["helen", "json", "16", "100", "10.0", "20.0", "1", "0.31×"],
    ]


@pytest.mark.parametrize("baseline", [[], [Load(0.0, 1.0, 1.0, 9)]])
def test_without_a_baseline_there_is_no_ratio(baseline: list[Load]) -> None:
    rounds = {Key("helen", "json", 1): [FAST], Key("flask", "json", 1): baseline}
    assert serving_table(rounds, ["flask"]).splitlines()[2].endswith(" – |")


def test_every_round_is_shown_beside_the_others_and_a_missing_one_as_missing() -> None:
    table = rows_of(rounds_table({Key("helen", "json", 64): [SLOW, FAST], Key("helen", "fp16", 64): [FAST]}))
    assert table[0] == ["server", "way", "connections", "round 1", "round 2"]
    assert table[2:] == [["helen", "json", "64", "100", "300"], ["helen", "fp16", "64", "300", "–"]]


def test_cpu_time_is_shown_by_role_with_its_cost_a_window_and_the_models_share() -> None:
    key = Key("helen", "stream", 64)
    results = Results(cpu={key: [Cpu({"model": 1.0, HAPROXY: 0.5, "scores": 0.5}, 4000)]}, model_us={1: 500, 32: 250})
    header, _, row = rows_of(cpu_table(results))
    found = dict(zip(header, row, strict=True))
    assert (found["model"], found[HAPROXY], found["other replicas"], found[SERVER]) == ("1.0", "0.5", "0.5", "–")
    assert (found["windows"], found["CPU µs a window"], found["model's share"]) == ("4000", "500", "50%")


def test_fixed_rates_stand_beside_what_was_answered() -> None:
    row = rows_of(open_loop_table([OpenLoop("helen", "fp16", 80, 400.0, FAST)]))[2]
    assert row == ["helen", "fp16", "80 %", "400", "300", "5.0", "9.0", "0"]


def test_every_number_of_pis_that_was_tried_says_whether_it_holds() -> None:
    table = rows_of(pis_table({"stream": [Probe(20, FAST), Probe(40, FAST)]}))
    assert [row[1:4] + row[-1:] for row in table[2:]] == [["20", "300", "300", "yes"], ["40", "300", "600", "no"]]


def test_columns_line_up_and_numbers_go_to_the_right() -> None:
    assert markdown(("name", "n"), [("a", "1"), ("long name", "1000")]).splitlines() == [
        "| name      |    n |",
        "| --------- | ---: |",
        "| a         |    1 |",
        "| long name | 1000 |",
    ]
