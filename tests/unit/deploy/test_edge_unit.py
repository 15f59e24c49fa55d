"""The systemd unit: it restarts, watches, bounds memory, and closes the network to the outside."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[3] / "deploy" / "helen-edge.service"


def read_settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Type", "notify"),
        ("Restart", "always"),
        ("WatchdogSec", "30"),
        ("MemoryMax", "600M"),
        ("IPAddressDeny", "any"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
    ],
)
def test_the_unit_says(name: str, value: str) -> None:
    assert read_settings(UNIT)[name] == [value]


def test_the_devices_of_every_camera_are_open_and_few_others() -> None:
    devices = {"char-video4linux rw", "char-media rw", "char-dma_heap rw", "char-drm rw"}
    settings = read_settings(UNIT)
    assert settings["DevicePolicy"] == ["closed"]
    assert set(settings["DeviceAllow"]) == devices
    assert settings["SupplementaryGroups"] == ["video render"]
    assert settings["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6 AF_NETLINK"]
    assert settings["KillMode"] == ["control-group"]


def test_only_private_addresses_are_open() -> None:
    allowed = " ".join(read_settings(UNIT)["IPAddressAllow"]).split()
    assert set(allowed) == {"localhost", "link-local", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}


def test_systemd_reads_it(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    copy = tmp_path / UNIT.name
    # The paths of an installation aren't there in a test.
    copy.write_text(UNIT.read_text().replace("/opt/helen/.venv/bin/python", "/bin/true"))
    done = subprocess.run([program, "verify", str(copy)], capture_output=True, text=True, timeout=60, check=False)
    assert "helen-edge" not in done.stderr, done.stderr
