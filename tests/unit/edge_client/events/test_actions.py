"""Actions: what a rule calls and runs, how often, for how long, and what nobody gets to read."""

import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge_client.doctor import CheckResult, check_actions
from edge_client.events.actions import ActionRunner
from edge_client.events.status import StatusEvent
from edge_client.settings import Actions, Cloud, Settings, SettingsError
from landmarks.models.session import ModelSession
from testkit.edge.http_service import Reply, http_service, model_answers
from testkit.waiting import wait_until
from tests.unit.edge_client.test_publisher import event

LOST = StatusEvent(event="camera_lost", reason="camera 0 is not there", session_id="s", timestamp=1.0)


def actions(*rules: Mapping[str, object], **changes: object) -> Actions:
    return Actions.model_validate({"rules": list(rules)} | changes)


def test_a_gesture_calls_a_url_with_the_event_as_it_is_published() -> None:
    with http_service(lambda _: Reply()) as home:
        rule = {"when": "hello", "url": home.url + "/lamp", "headers": {"Authorization": "Bearer ${TOKEN}"}}
        with ActionRunner(actions(rule), {"TOKEN": "abc"}) as runner:
            runner.run(event())
            wait_until(lambda: runner.count.done == 1)
        request = home.requests[0]
    assert (request.method, request.path) == ("POST", "/lamp")
    assert request.headers["Authorization"] == "Bearer abc"
    assert request.headers["Content-Type"] == "application/json"
    assert request.json()["gesture"] == "hello"
    assert request.json()["hand"] == "right"


def test_a_get_has_no_body_and_a_body_of_ones_own_is_sent_as_it_is() -> None:
    with http_service(lambda _: Reply()) as home:
        rules = (
            {"when": "hello", "url": home.url + "/relay?turn=toggle", "method": "GET"},
            {"when": "hello", "url": home.url + "/on", "method": "PUT", "body": '{"on": ${ON}}'},
        )
        with ActionRunner(actions(*rules, concurrent=1), {"ON": "true"}) as runner:
            runner.run(event())
            wait_until(lambda: runner.count.done == 2)
        first, second = home.requests
    assert (first.method, first.path, first.body) == ("GET", "/relay?turn=toggle", b"")
    assert (second.method, second.json()) == ("PUT", {"on": True})


def test_a_gesture_runs_a_command_that_no_shell_reads(tmp_path: Path) -> None:
    file = tmp_path / "said"
    program = "import os, sys; open(sys.argv[1], 'w').write(os.environ['HELEN_EVENT'] + sys.argv[2])"
    rule = {"when": ["yes", "hello"], "command": ["python3", "-c", program, str(file), "; $(touch x) `id` *"]}
    with ActionRunner(actions(rule)) as runner:
        runner.run(event())
        wait_until(lambda: runner.count.done == 1)
    said, _, rest = file.read_text().rpartition("}")
    assert json.loads(said + "}")["gesture"] == "hello"
    assert rest == "; $(touch x) `id` *"


def test_a_lost_camera_is_an_event_of_actions(tmp_path: Path) -> None:
    rule = {"when": "camera_lost", "command": ["touch", str(tmp_path / "lost")]}
    with ActionRunner(actions(rule)) as runner:
        runner.run(event())
        runner.run(LOST)
        wait_until(lambda: runner.count.done == 1)
    assert (tmp_path / "lost").exists()


def test_a_command_does_not_get_helens_own_secrets(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    rule = {"when": "hello", "command": ["sh", "-c", f"env > {file}"]}
    environment = {"PATH": os.environ["PATH"], "HELEN_API_KEY": "k-1", "HELEN_MQTT_PASSWORD": "p-1", "HOME": "/x"}
    with ActionRunner(actions(rule), environment) as runner:
        runner.run(event())
        wait_until(lambda: runner.count.done == 1)
    text = file.read_text()
    assert "HOME=/x" in text
    assert "HELEN_GESTURE=hello" in text
    assert "k-1" not in text
    assert "p-1" not in text


def test_a_rule_rests_for_its_cooldown_and_the_others_go_on() -> None:
    with http_service(lambda _: Reply()) as home:
        rules = (
            {"when": "hello", "url": home.url + "/slow", "cooldown": 60},
            {"when": "hello", "url": home.url + "/quick", "cooldown": 0},
        )
        with ActionRunner(actions(*rules)) as runner:
            runner.run(event(1))
            runner.run(event(2))
            wait_until(lambda: runner.count.done == 3)
            assert runner.count.skipped == 1
        assert sorted(home.paths()) == ["/quick", "/quick", "/slow"]


def test_a_command_that_takes_too_long_is_ended_with_what_it_has_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "child"
    rule = {"when": "hello", "command": ["sh", "-c", f"sleep 60 & echo $! > {file}; wait"]}
    with ActionRunner(actions(rule, timeout=0.5)) as runner:
        runner.run(event())
        wait_until(lambda: runner.count.failed == 1)
    child = int(file.read_text())
    wait_until(lambda: not is_running(child))
    assert "the action on hello failed: sh was ended after 0.5 s" in caplog.text


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_as_many_as_are_allowed_run_at_once_and_the_oldest_of_those_that_wait_is_dropped(tmp_path: Path) -> None:
    go = tmp_path / "go"
    rule = {
        "when": "hello",
        "cooldown": 0,
        "command": ["sh", "-c", f"echo x >> {go}.n; until [ -e {go} ]; do sleep 0.01; done"],
    }
    started = tmp_path / "go.n"
    with ActionRunner(actions(rule, concurrent=2, queue=3, timeout=30)) as runner:
        runner.run(event(1))
        runner.run(event(2))
        wait_until(lambda: started.exists() and len(started.read_text().split()) == 2)
        before = time.monotonic()
        for number in range(3, 8):
            runner.run(event(number))
        assert time.monotonic() - before < 0.5
        assert runner.count.dropped == 2
        assert len(started.read_text().split()) == 2
        go.touch()
        wait_until(lambda: runner.count.done == 5)


def test_closing_ends_what_runs() -> None:
    runner = ActionRunner(actions({"when": "hello", "command": ["sleep", "60"]}, timeout=50))
    runner.run(event())
    wait_until(lambda: not runner._queue)
    started = time.monotonic()
    runner.close()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["no-such-program"], "no-such-program can't be started: No such file or directory"),
        (["/"], "/ can't be started: Permission denied"),
        (["false"], "false ended with 1"),
    ],
)
def test_a_command_that_fails_is_said(command: list[str], reason: str, caplog: pytest.LogCaptureFixture) -> None:
    with ActionRunner(actions({"when": "hello", "command": command})) as runner:
        runner.run(event())
        wait_until(lambda: runner.count.failed == 1)
        wait_until(lambda: f"the action on hello failed: {reason}" in caplog.text)


def test_no_log_and_no_dump_shows_an_address_or_a_header(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "edge_client")
    with http_service(lambda _: Reply(404)) as home:
        gone = home.url
        rule = {"when": "hello", "cooldown": 0, "headers": {"X-Key": "${TOKEN}"}, "body": "${TOKEN}"}
        settings = actions(rule | {"url": home.url + "/api/webhook/hook-secret?t=${TOKEN}"})
        with ActionRunner(settings, {"TOKEN": "token-secret"}) as runner:
            runner.run(event())
            wait_until(lambda: runner.count.failed == 1)
            home.answer = lambda _: Reply(302, headers={"Location": "http://elsewhere/token-secret"})
            runner.run(event())
            wait_until(lambda: runner.count.failed == 2)
            assert len(home.requests) == 2
    with ActionRunner(actions(rule | {"url": gone + "/hook-secret"}), {"TOKEN": "token-secret"}) as runner:
        runner.run(event())
        wait_until(lambda: runner.count.failed == 1)
    shown = caplog.text + repr(settings)
    assert "answered 404" in shown
    assert "redirects are not followed" in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("rule", "environment", "sentence"),
    [
        ({"url": "http://h/${TOKEN}"}, {}, r"actions\.rules\.0 names \$\{TOKEN\}, expected a variable"),
        ({"url": "http://h/${TOKEN}"}, {"TOKEN": "a b"}, r"actions\.rules\.0 gets a url or a header"),
        (
            {"url": "http://h/", "headers": {"A": "${TOKEN}"}},
            {"TOKEN": "a\nb"},
            r"actions\.rules\.0 gets a url or a header",
        ),
    ],
)
def test_what_the_environment_lacks_or_cannot_be_sent_is_named_at_the_start(
    rule: dict[str, object], environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        ActionRunner(actions({"when": "hello"} | rule), environment)


def test_the_doctor_looks_for_programs_and_for_gestures_that_the_service_knows(repository: Path) -> None:
    with http_service(model_answers(ModelSession.open(repository / "gesture" / "1"))) as service:
        known = ModelSession.open(repository / "gesture" / "1").card.class_labels[0]

        def check(*rules: Mapping[str, object]) -> CheckResult:
            return check_actions(Settings(actions=actions(*rules), cloud=Cloud(url=service.url, retries=0)))

        there = {"when": [known, "camera_lost"], "command": ["sh"]}
        assert (check().state, check(there).state) == ("ok", "ok")
        missing = check(there, {"when": "no", "command": ["no-such-program", "x"]})
        assert (missing.state, missing.found) == ("fail", "no program no-such-program")
        misspelt = check(there, {"when": "helo", "url": "http://h/s-1"})
        assert (misspelt.state, misspelt.found) == ("warn", "no gesture helo")
        assert known in misspelt.hint
        assert "s-1" not in misspelt.line()
