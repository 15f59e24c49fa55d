"""The service's log as JSON lines: one object a line, and the id of the request that failed in any stage."""

import asyncio
import builtins
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from ray.serve._private.logging_utils import redirected_print

from serve_app.deployments.model import ModelReplica
from serve_app.observability.logging import JsonFormatter, TextFormatter
from serve_app.schemas import ModelOutput, Tensors
from serve_app.settings import PROJECT_ROOT, Environment
from testkit.load import EXAMPLE
from testkit.stages.local_stages import local_client


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the service logs as JSON meanwhile."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    package = logging.getLogger("serve_app")
    package.addHandler(handler)
    yield written
    package.removeHandler(handler)


def test_a_record_is_one_object_on_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("serve_app.x", logging.ERROR, "x.py", 1, "it %s", ("fails\n",), sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "serve_app.x", "it fails\n")
    assert line["pid"] == os.getpid()
    assert line["time"].endswith("+00:00")
    assert "ValueError: two\nlines" in line["exception"]
    assert "request_id" not in line


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
def test_a_traceback_is_text_where_serve_replaces_print(
    formatter: logging.Formatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtins, "print", redirected_print)
    try:
        raise ValueError("the reason")
    except ValueError:
        record = logging.LogRecord("serve_app.x", logging.ERROR, "x.py", 1, "it fails", (), sys.exc_info())
    text = formatter.format(record)
    trace = json.loads(text)["exception"] if isinstance(formatter, JsonFormatter) else text.partition("\n")[2]
    lines = trace.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: the reason"
    assert "it fails" in text


@pytest.mark.anyio
async def test_a_stage_that_fails_is_logged_under_the_request_that_it_failed(
    repository: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ModelReplica.infer

    async def wrong_on_zeros(self: ModelReplica, batch: Tensors, *outputs: Sequence[str] | None) -> ModelOutput:
        if (batch["sequence"] == 0).all(axis=(1, 2)).any():
            raise ArithmeticError("the model failed on a window of zeros")
        return await right(self, batch, *outputs)

    monkeypatch.setattr(ModelReplica, "infer", wrong_on_zeros)

    async with asyncio.timeout(20), local_client(repository) as client:
        zeros = {"sequence": [[0.0] * 84] * 10}
        asked = [
            client.post("/predict", json=zeros if index == 3 else EXAMPLE, headers={"x-request-id": f"pi-{index}"})
            for index in range(6)
        ]
        statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
        assert statuses == [200, 200, 200, 500, 200, 200]
    failed = [line for line in map(json.loads, lines.getvalue().splitlines()) if "request_id" in line]
    assert [line["request_id"] for line in failed] == ["pi-3"]
    assert "the model failed on a window of zeros" in failed[0]["exception"]


def test_the_format_is_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELEN_LOG_FORMAT", raising=False)
    assert Environment().log_format == "text"
    monkeypatch.setenv("HELEN_LOG_FORMAT", "json")
    assert Environment().log_format == "json"
    monkeypatch.setenv("HELEN_LOG_FORMAT", "xml")
    with pytest.raises(ValueError, match="log_format"):
        Environment()


@pytest.mark.parametrize(("log_format", "is_json"), [("json", True), ("text", False)])
def test_a_process_logs_in_the_format_that_was_asked_for(log_format: str, is_json: bool) -> None:
    code = (
        "import logging\nfrom serve_app.observability.logging import configure_logging\n"
        "from serve_app.settings import Environment\n"
        "configure_logging('INFO', Environment().log_format)\nlogging.getLogger('serve_app.x').info('here')"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        env=os.environ | {"HELEN_LOG_FORMAT": log_format},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = child.stderr.splitlines()
    assert line.startswith("{") == is_json
    assert "here" in line
