"""The service starts from any folder, takes a new config, and stops in order: SIGTERM, Ctrl-C and Ctrl-C again."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest
import yaml
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from landmarks.protocol.stream import SERVICE_RESTART
from serve_app.lifecycle.processes import processes
from serve_app.settings import PROJECT_ROOT
from testkit.load import EXAMPLE, Load, constant_load
from testkit.processes import get_session_id
from testkit.service import RunningService, running_service

pytestmark = pytest.mark.e2e

STOPPED_WITHIN_S = 20  # it takes some 3 s where a machine has nothing else to do
DEPLOYED_WITHIN_S = 90
ELSEWHERE = ". deploy/shell.sh && cd / && exec "
BODY = json.dumps(EXAMPLE).encode()
HALF = len(BODY) // 2


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.05)


def half_sent(service: RunningService) -> socket.socket:
    """A request that is under way: the service has its head and half of its body."""
    url = httpx.URL(service.url)
    connection = socket.create_connection((url.host, url.port or 80), timeout=STOPPED_WITHIN_S)
    head = f"POST /predict HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nContent-Length: {len(BODY)}\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + BODY[:HALF])
    time.sleep(0.5)  # until HAProxy has handed it on
    return connection


def answer_to_rest(connection: socket.socket) -> str:
    """Send the other half, and give the first line of the answer."""
    connection.sendall(BODY[HALF:])
    with connection.makefile("rb") as answer:
        return answer.readline().decode().strip()


def read_console(service: RunningService) -> str:
    return service.console.read_text()


def stopping_lines(service: RunningService) -> list[str]:
    return [line for line in read_console(service).splitlines() if line.startswith("stopping: ")]


def leftovers(service: RunningService) -> list[list[str]]:
    return [process.command() for process in processes() if get_session_id(process.pid) == service.pid]


def assert_quiet_end(service: RunningService) -> None:
    said = read_console(service)
    assert len(stopping_lines(service)) == 1, said
    for noise in ("Traceback", "Aborted", "SIGTERM received", "failed to shut down", "ERROR"):
        assert noise not in said, said
    wait_until(lambda: leftovers(service) == [], f"the end of {leftovers(service)}", 5)


def test_sigterm_answers_what_is_under_way_closes_live_sessions_and_leaves_nothing_behind() -> None:
    with ExitStack() as stack:
        service = stack.enter_context(running_service(PROJECT_ROOT / "models"))
        wait_until(lambda: f"ready: {service.url}\n" in read_console(service), "the line that names the address", 30)
        requests = [stack.enter_context(half_sent(service)) for _ in range(3)]
        idle = stack.enter_context(httpx.Client())  # holds a connection open
        assert idle.get(f"{service.url}/health").status_code == 200
        with connect(service.url.replace("http", "ws", 1) + "/stream", proxy=None) as session:
            session.send("{}")
            assert json.loads(session.recv(timeout=10))["type"] == "ready"
            os.kill(service.pid, signal.SIGTERM)
            wait_until(lambda: bool(stopping_lines(service)), "the line that says so", STOPPED_WITHIN_S)
            with pytest.raises(ConnectionClosed):
                session.recv(timeout=STOPPED_WITHIN_S)
            assert session.close_code == SERVICE_RESTART
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{service.url}/health")
        assert [answer_to_rest(request) for request in requests] == ["HTTP/1.1 200 OK"] * 3
        assert service.process.wait(STOPPED_WITHIN_S) == 0
        assert_quiet_end(service)


def deploy(service: RunningService, **arguments: float) -> None:
    """Deploy the service's config with other arguments, from another folder, as the README says."""
    config = yaml.safe_load(service.config.read_text())
    config["applications"][0]["args"] |= arguments
    service.config.write_text(yaml.safe_dump(config))
    environment = os.environ | {"HELEN_BIN": service.environment["PATH"].split(os.pathsep)[0]}
    done = subprocess.run(
        ["bash", "-c", f"{ELSEWHERE}serve deploy {service.config} --address {service.dashboard()}"],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.anyio
async def test_from_another_folder_it_serves_and_deploys_and_a_second_ctrl_c_ends_it_at_once() -> None:
    async def story(service: RunningService) -> Load:
        before = set(service.replica_pids("Preprocess"))
        async with constant_load(service.url, clients=2) as load:
            await asyncio.to_thread(deploy, service, session_idle_s=30)
            await asyncio.to_thread(
                wait_until,
                lambda: bool(now := set(service.replica_pids("Preprocess"))) and not now & before,
                "an ingress replica with the new arguments",
                DEPLOYED_WITHIN_S,
            )
        return load

    with running_service(PROJECT_ROOT / "models", command=ELSEWHERE + "serve run {config}") as service:
        load = await story(service)
        assert set(load.statuses) == {200}, load.statuses
        with half_sent(service):
            os.killpg(service.pid, signal.SIGINT)  # as a terminal does: to everything that runs in it
            wait_until(lambda: bool(stopping_lines(service)), "the line that says so", STOPPED_WITHIN_S)
            time.sleep(1)
            assert service.process.poll() is None, "it did not wait for the request that is under way"
            os.killpg(service.pid, signal.SIGINT)
            assert service.process.wait(STOPPED_WITHIN_S) == 130
        assert_quiet_end(service)
