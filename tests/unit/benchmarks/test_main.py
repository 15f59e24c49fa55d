"""The flags choose, and what they can't mean is refused before anything starts."""

import pytest

from benchmarks.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--parts", "closed,none"], "'none' found, expected some of closed,open,pis"),
        (["--ways", "grpc"], "'grpc' found, expected some of json,fp16,stream"),
        (["--only", "torchserve"], "'torchserve' found, expected some of flask_torch,"),
        (["--connections", "16,0"], "'0' found, expected a whole number above 0"),
    ],
)
def test_a_flag_without_meaning_is_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert sentence in capsys.readouterr().err
