"""systemd's watchdog: ready with the first frame, alive while frames come, silent without systemd."""

import socket
from pathlib import Path

import pytest

from edge_client.runtime.systemd import Watchdog


@pytest.mark.parametrize("abstract", [False, True])
def test_frames_are_told_to_systemd(tmp_path: Path, abstract: bool) -> None:
    name = f"@helen-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(10)
        with Watchdog({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"}) as watchdog:
            for _ in range(100):
                watchdog.alive()
        assert [systemd.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
        systemd.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.recv(64)


def test_without_systemd_it_is_silent() -> None:
    with Watchdog({}) as watchdog:
        watchdog.alive()


def test_a_systemd_that_went_away_does_no_harm(tmp_path: Path) -> None:
    with Watchdog({"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as watchdog:
        watchdog.alive()
        watchdog.alive()
