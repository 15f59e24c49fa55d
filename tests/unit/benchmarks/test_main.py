"""The flags choose, and what they can't mean is refused before anything starts."""

import pytest

from benchmarks.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--parts", "closed,none"], "'none' found, expected some of closed,open,pis,model"),
        (["--ways", "grpc"], "'grpc' found, expected some of json,v2_json,fp16,stream"),
        (["--connections", "16,0"], "'0' found, expected a whole number above 0"),
    ],
)
def test_a_flag_without_meaning_is_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--only", "--without"])
def test_a_server_that_is_not_there_is_refused(
    flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.load.closed_loop.shutil.which", lambda _: "wrk")  # the machine may have none
    assert main([flag, "torchserve"]) == 1
    assert "torchserve: no such server here, expected one of flask_torch, " in capsys.readouterr().err
