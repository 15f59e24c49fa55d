"""Actions: a gesture, or a lost camera, calls a URL or runs a command, in threads of their own.

``run`` never waits. A command is a list of arguments that no shell reads; what takes longer than the time-out is ended.
Addresses, headers and arguments may be secrets: the log says which rule failed, at which host, and how.
"""

import contextlib
import logging
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec
import urllib3

from edge_client.events.status import StatusEvent
from edge_client.runtime.worker import STALL_S, Worker
from edge_client.service.replies import ResponseError, describe_redirect, quote_text, read_body, send_request
from edge_client.settings import Actions, Rule, SettingsError
from edge_client.settings.values import check_header, check_url
from edge_client.types import Event

log = logging.getLogger(__name__)

MAX_REPLY_BYTES: Final = 64 * 1024
WAKE_EVERY_S: Final = 1.0
# Helen's own secrets, which no command needs.
SECRET_VARIABLES: Final = frozenset({"HELEN_API_KEY", "HELEN_MQTT_PASSWORD"})
BODILESS: Final = ("GET", "DELETE")


@dataclass(slots=True)
class ActionCount:
    """How many actions were done, failed, were skipped by a cooldown, and dropped from a full queue."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Due:
    rule: Rule
    name: str
    payload: bytes


class ActionRunner(contextlib.AbstractContextManager["ActionRunner"]):
    """Runs the rules of the settings. ``close`` ends what runs; use it as a context manager.

    Raises:
        SettingsError: a rule names a variable that the environment doesn't have.
    """

    def __init__(self, settings: Actions, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._settings = settings
        self._rules = [
            expand_variables(rule, f"actions.rules.{n}", environment) for n, rule in enumerate(settings.rules)
        ]
        self._environment = {name: text for name, text in environment.items() if name not in SECRET_VARIABLES}
        self._ready_s = [float("-inf")] * len(self._rules)
        self._queue: deque[_Due] = deque()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self.count = ActionCount()
        self._pool = urllib3.PoolManager(num_pools=8, maxsize=settings.concurrent, retries=False)
        wanted = settings.concurrent if self._rules else 0
        stall_s = 2 * settings.timeout + STALL_S
        self.workers = [Worker(f"action {n + 1}", self._run_next, stall_s=stall_s) for n in range(wanted)]
        for worker in self.workers:
            worker.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, event: Event | StatusEvent) -> None:
        """Let the rules for an event happen; returns at once."""
        name = event.gesture if isinstance(event, Event) else event.event
        now_s = time.monotonic()
        for number, rule in enumerate(self._rules):
            if name not in rule.when:
                continue
            with self._changed:
                if now_s < self._ready_s[number]:
                    self.count.skipped += 1
                    continue
                self._ready_s[number] = now_s + rule.cooldown
                if len(self._queue) >= self._settings.queue:
                    self.count.dropped += 1
                    log.warning(
                        "the action on %s is dropped: %d wait", self._queue.popleft().name, self._settings.queue
                    )
                self._queue.append(_Due(rule, name, msgspec.json.encode(event)))
                self._changed.notify()

    def close(self) -> None:
        """Drop what waits, and end what runs."""
        self._closed.set()
        for worker in self.workers:
            worker.stopping.set()
        with self._changed:
            self._queue.clear()
            self._changed.notify_all()
        for worker in self.workers:
            worker.join(self._settings.timeout + 1)
        self._pool.clear()

    def _run_next(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed.is_set(), WAKE_EVERY_S)
            if not self._queue:
                return
            due = self._queue.popleft()
        reason = "a fault of the client"
        try:
            reason = self._execute(due) if due.rule.command else self._call(due)
        finally:
            with self._changed:
                self.count.done += not reason
                self.count.failed += bool(reason)
        if reason:
            log.warning("the action on %s failed: %s", due.name, reason)

    def _call(self, due: _Due) -> str:
        """Call a URL; why that failed, or nothing."""
        rule, url, timeout_s = due.rule, due.rule.url or "", self._settings.timeout
        host = urlsplit(url).netloc
        body = None if rule.method in BODILESS and not rule.body else rule.body.encode() or due.payload
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            answer = send_request(self._pool, rule.method, url, body, headers | rule.headers, timeout_s=timeout_s)
            with contextlib.suppress(ResponseError):  # its status says enough
                read_body(answer, MAX_REPLY_BYTES, timeout_s)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            path = url.partition(host)[2]
            text = quote_text(str(error).replace(path, "/…") if len(path) > 1 else str(error))
            return f"{host}: {text or type(error).__name__}"
        if 300 <= answer.status < 400:
            return f"{host} {describe_redirect(answer.status, answer.headers.get('Location'))}"
        return f"{host} answered {answer.status}" if answer.status >= 400 else ""

    def _execute(self, due: _Due) -> str:
        """Run a command; why that failed, or nothing. What it writes to stderr is in this program's."""
        program, timeout_s = due.rule.command[0], self._settings.timeout
        environment = self._environment | {"HELEN_GESTURE": due.name, "HELEN_EVENT": due.payload.decode()}
        try:
            child = subprocess.Popen(  # noqa: S603 - what the settings name, without a shell
                due.rule.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # so that what it starts ends with it
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return f"{program} can't be started: {reason}"
        deadline_s = time.monotonic() + timeout_s
        while child.poll() is None:
            if self._closed.wait(0.02) or time.monotonic() > deadline_s:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return f"{program} was ended after {timeout_s:g} s" if not self._closed.is_set() else "Helen ends"
        return f"{program} ended with {child.returncode}" if child.returncode else ""


def expand_variables(rule: Rule, path: str, environment: Mapping[str, str]) -> Rule:
    """A rule whose ``${NAME}`` in URL, headers and body are what the environment says.

    Raises:
        SettingsError: the environment has no such variable, or one that can't be sent.
    """

    def replace(text: str) -> str:
        missing = [name for name in re.findall(r"\$\{(\w+)\}", text) if not environment.get(name)]
        if missing:
            raise SettingsError(f"{path} names ${{{missing[0]}}}, expected a variable that the environment has")
        return re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], text)

    if rule.command:
        return rule
    url, headers = replace(rule.url or ""), {name: replace(text) for name, text in rule.headers.items()}
    try:
        check_url(url)
        for text in headers.values():
            check_header(text)
    except ValueError as error:  # it may quote a secret
        raise SettingsError(f"{path} gets a url or a header from the environment that can't be sent") from error
    return rule.model_copy(update={"url": url, "headers": headers, "body": replace(rule.body)})
