"""Who may talk to the screen: its own names as Host, its own page as Origin, and whatever else the settings name."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from edge_client.settings import SettingsError, load_settings
from edge_client.ui.broadcast import Hub
from edge_client.ui.middleware import is_local_name
from testkit.edge.local_screen import running_screen
from testkit.waiting import DEADLINE_S

OWN = socket.gethostname().partition(".")[0]
NAMED = "raspberrypi.lan"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_screen(Hub(), names=["RaspberryPi.lan"]) as url:
        yield url


@pytest.mark.parametrize("path", ["/", "/events", "/health", "/socket.io/?EIO=4&transport=polling"])
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}])
def test_other_sites_do_not_get_in(url: str, path: str, headers: dict[str, str]) -> None:
    answer = httpx.get(url + path, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_other_sites_cannot_post_gestures(url: str) -> None:
    answer = httpx.post(url + "/gestures/gesture-key", json={}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_other_sites_cannot_open_a_pages_socket(url: str, headers: dict[str, str]) -> None:
    async def open_page() -> None:
        async with asyncio.timeout(DEADLINE_S):
            async with connect(url.replace("http", "ws", 1) + "/page", additional_headers=headers):
                pass

    with pytest.raises(InvalidStatus, match="403"):
        await open_page()


@pytest.mark.parametrize("host", [NAMED, NAMED + ":5000", "RASPBERRYPI.lan.", f"{OWN}.lan:5000", f"{OWN}.local"])
def test_a_name_of_the_settings_and_the_machines_own_get_in(url: str, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert httpx.post(url + "/gestures/gesture-key", json={}, headers=headers).status_code == 200


def test_the_refusal_says_which_setting_lets_a_name_in(url: str) -> None:
    answer = httpx.get(url + "/health", headers={"Host": "pi.example"})
    assert "'pi.example'" in answer.json()["error"]
    assert "[screen] hosts" in answer.json()["error"]


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1:5000", True),
        ("localhost", True),
        ("192.168.1.20:5000", True),
        ("[::1]:5000", True),
        (socket.gethostname() + ".local:5000", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:5000", False),
        ("localhost.evil.example", False),
        (f"{OWN}.evil.example", False),
        (f"{OWN}.lan.evil.example", False),
        (f"evil.{OWN}.lan", False),
        ("evil.lan", False),
        (".local", False),
        ("", False),
        (".", False),
        (":5000", False),
    ],
)
def test_local_names(host: str, local: bool) -> None:
    assert is_local_name(host) is local


@pytest.mark.parametrize(("host", "local"), [("helen-2.local:5000", True), ("evil.local.example", False)])
def test_any_mdns_name_is_a_local_one_where_the_network_reaches_the_screen_anyway(host: str, local: bool) -> None:
    assert is_local_name(host, on_network=True) is local
    assert not is_local_name(host)


def test_the_settings_name_hosts_by_flag_and_file(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('[screen]\nhosts = ["pi.lan"]\n')
    assert load_settings(file).screen.hosts == ("pi.lan",)
    assert load_settings(flags={"screen.hosts": "pi.lan, helen.example"}).screen.hosts == ("pi.lan", "helen.example")


@pytest.mark.parametrize("name", ["http://pi.lan", "pi.lan:5000", "*", "pi lan"])
def test_a_host_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="expected a name alone"):
        load_settings(flags={"screen.hosts": name})
