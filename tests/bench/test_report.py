"""The report has a section for each part that was measured; the picture is a picture."""

from pathlib import Path

import pytest

from bench import plot
from bench.pis import Probe
from bench.report import report
from bench.results import Cpu, Key, OpenLoop, Results
from bench.wrk import Load

LOAD = Load(300.0, 5.0, 9.0, 0)
KEY = Key("helen", "json", 64)
PARTS = {
    "Closed loop": Results(loads={KEY: [LOAD]}),
    "Where the CPU time goes": Results(cpu={KEY: [Cpu({"model": 1.0}, 100)]}),
    "The model alone": Results(model_us={1: 500.0}),
    "Fixed rates": Results(open_loop=[OpenLoop("helen", "json", 50, 100.0, LOAD)]),
    "How many Pis": Results(pis={"stream": [Probe(16, LOAD)]}),
    "Ready after": Results(ready_s={"helen": [12.0]}),
}


def sections(text: str) -> list[str]:
    return [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_was_measured_has_its_section(name: str) -> None:
    text = report(PARTS[name], ["two cores"])
    assert sections(text) == ["Figures to reach", name]
    assert "- two cores\n" in text


def test_a_run_that_ended_early_says_why() -> None:
    assert "**Ended early**: port 8000 is in use" in report(Results(stopped="port 8000 is in use"), [])


def test_the_picture_shows_every_server_and_way(tmp_path: Path) -> None:
    keys = [Key(server, way, count) for server, way in (("helen", "fp16"), ("flask", "json")) for count in (1, 64)]
    results = Results(loads={key: [LOAD] for key in keys}, open_loop=[OpenLoop("helen", "json", 50, 100.0, LOAD)])
    plot.draw(results, tmp_path / "serving.png")
    assert (tmp_path / "serving.png").read_bytes().startswith(b"\x89PNG")


def test_without_anything_to_draw_there_is_no_picture(tmp_path: Path) -> None:
    plot.draw(Results(), tmp_path / "serving.png")
    assert not (tmp_path / "serving.png").exists()
