"""The systemd units of a single box: they start, follow each other, survive, and keep to themselves."""

import shutil
import subprocess
from pathlib import Path

import pytest

from serve_app.settings import PROJECT_ROOT
from testkit.programs import require_program

DEPLOY = PROJECT_ROOT / "deploy"
UNITS = ("helen-ray.service", "helen-serve.service")


def read_settings(name: str) -> dict[str, str]:
    """A unit's settings; of one that is given several times, the values with spaces between."""
    found: dict[str, str] = {}
    text = (DEPLOY / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        setting, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[setting] = f"{found[setting]} {value}" if setting in found else value
    return found


@pytest.mark.parametrize(
    ("unit", "setting", "value"),
    [
        ("helen-ray.service", "Restart", "always"),
        ("helen-ray.service", "OOMPolicy", "continue"),
        ("helen-ray.service", "EnvironmentFile", "/opt/helen/deploy/fastpath.env -/etc/helen/serve.env"),
        ("helen-serve.service", "After", "helen-ray.service"),
        ("helen-serve.service", "BindsTo", "helen-ray.service"),
        ("helen-serve.service", "JoinsNamespaceOf", "helen-ray.service"),
        (
            "helen-serve.service",
            "ExecStop",
            "-/opt/helen/.venv-serve/bin/python -m serve_app.lifecycle.shutdown "
            "-/opt/helen/.venv-serve/bin/serve shutdown --yes --address http://127.0.0.1:8265",
        ),
        ("helen-serve.service", "Restart", "on-failure"),
        ("helen-serve.service", "ExecReload", "/opt/helen/deploy/serve_up.sh /etc/helen/serve_config.yaml"),
        *((unit, "User", "helen") for unit in UNITS),
        *((unit, "NoNewPrivileges", "yes") for unit in UNITS),
        *((unit, "CapabilityBoundingSet", "") for unit in UNITS),
        *((unit, "ProtectSystem", "strict") for unit in UNITS),
        *((unit, "IPAddressDeny", "any") for unit in UNITS),
        *((unit, "IPAddressAllow", "localhost") for unit in UNITS),
        *((unit, "WantedBy", "multi-user.target") for unit in UNITS),
    ],
)
def test_the_units_say(unit: str, setting: str, value: str) -> None:
    assert read_settings(unit)[setting] == value


def test_a_head_that_starts_anew_gets_the_service_again() -> None:
    assert "helen-serve.service" in read_settings("helen-ray.service")["Wants"].split()


def test_a_unit_has_more_time_to_stop_than_its_requests_to_be_answered() -> None:
    for unit in UNITS:
        assert int(read_settings(unit)["TimeoutStopSec"]) >= 60


def test_systemd_reads_them_and_finds_nothing_to_say(tmp_path: Path) -> None:
    analyze = require_program("systemd-analyze")
    for unit in UNITS:
        text = (DEPLOY / unit).read_text()
        # The paths of an installation aren't there in a test.
        for path in (
            "/opt/helen/.venv-serve/bin/ray",
            "/opt/helen/.venv-serve/bin/serve",
            "/opt/helen/.venv-serve/bin/python",
            "/opt/helen/deploy/serve_up.sh",
        ):
            text = text.replace(path, "/bin/true")
        (tmp_path / unit).write_text(text)
    done = subprocess.run(
        [analyze, "verify", *(str(tmp_path / unit) for unit in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "helen" in line]
    assert said == []


def test_the_files_that_they_start_are_there_and_can_be_run() -> None:
    assert shutil.which(str(DEPLOY / "serve_up.sh"))
    assert "/opt/helen/deploy/fastpath.env" in read_settings("helen-serve.service")["EnvironmentFile"]
    assert (DEPLOY / "fastpath.env").exists()
