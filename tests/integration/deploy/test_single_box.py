"""deploy/single_box.sh as far as it goes without touching this machine: every file it writes, twice, below DESTDIR."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from serve_app.api.auth.api_keys import parse_keys
from serve_app.settings import PROJECT_ROOT
from testkit.programs import require_program

SCRIPTS = sorted((PROJECT_ROOT / "deploy").glob("*.sh"))
NAME = "gestures.test.example"


def install(destination: Path, name: str = NAME) -> "subprocess.CompletedProcess[str]":
    """Run the script with its files below ``destination``."""
    require_program("openssl")
    return subprocess.run(
        [str(PROJECT_ROOT / "deploy" / "single_box.sh"), name],
        env=os.environ | {"DESTDIR": str(destination)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a box has after the script."""
    destination = tmp_path_factory.mktemp("box")
    done = install(destination)
    assert done.returncode == 0, done.stderr
    return destination


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_box_gets_the_program_a_model_keys_units_and_nginx(box: Path) -> None:
    for path in (
        "opt/helen/serve_app/app.py",
        "opt/helen/landmarks/models/session.py",
        "opt/helen/deploy/fastpath.env",
        "opt/helen/requirements.txt",
        "opt/helen/constraints.txt",
        "etc/helen/serve_config.yaml",
        "var/lib/helen/models/gesture/1/model.onnx",
        "var/lib/helen/models/shot/1/model.onnx",
        "etc/systemd/system/helen-ray.service",
        "etc/systemd/system/helen-serve.service",
    ):
        assert (box / path).is_file(), path
    site = (box / "etc/nginx/conf.d/helen.conf").read_text()
    assert f"server_name {NAME};" in site
    assert "helen.example.org" not in site


def test_its_secrets_are_made_there_and_for_root_alone(box: Path) -> None:
    keys = box / "etc/helen/keys"
    assert list(parse_keys(keys.read_text()).values()) == ["pi-1", "metrics"]
    metrics = (box / "etc/helen/metrics.key").read_text().strip()
    assert parse_keys(keys.read_text()).keys() > parse_keys(metrics).keys()
    assert re.fullmatch(r"[0-9a-f]{48}", metrics)
    for secret in ("keys", "metrics.key", "serve.env", "tls/privkey.pem"):
        assert mode(box / "etc/helen" / secret) & 0o077 == 0, secret
    assert "HELEN_API_KEYS_FILE=/etc/helen/keys" in (box / "etc/helen/serve.env").read_text()


def test_a_second_run_upgrades_the_program_and_keeps_what_is_the_boxs_own(tmp_path: Path) -> None:
    assert install(tmp_path).returncode == 0
    own = {
        tmp_path / "etc/helen/keys": "pi-7 of-my-own\n",
        tmp_path / "etc/helen/serve.env": "HELEN_MODEL_PATHS=/srv\n",
        tmp_path / "etc/helen/serve_config.yaml": "# mine\n",
        tmp_path / "var/lib/helen/models/gesture/2/card.json": "{}",
    }
    for path, text in own.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    certificate = (tmp_path / "etc/helen/tls/fullchain.pem").read_bytes()
    old = tmp_path / "opt/helen/serve_app/no_longer_there.py"
    old.write_text("")
    done = install(tmp_path, "other.test.example")
    assert done.returncode == 0, done.stderr
    for path, text in own.items():
        assert path.read_text() == text
    assert "/etc/helen/serve_config.yaml stays" in done.stdout
    assert (tmp_path / "etc/helen/tls/fullchain.pem").read_bytes() == certificate
    assert not old.exists()
    assert "server_name other.test.example;" in (tmp_path / "etc/nginx/conf.d/helen.conf").read_text()


def test_a_name_that_is_none_is_refused_before_it_reaches_a_config(tmp_path: Path) -> None:
    done = install(tmp_path, "a;b/g")
    assert done.returncode != 0
    assert "has letters that no host name has" in done.stderr
    assert not (tmp_path / "etc/nginx/conf.d/helen.conf").exists()


def test_nobody_but_root_starts_it_on_the_machine_itself(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("this is root, for whom the script would go on")
    done = subprocess.run(
        [str(SCRIPTS[0].parent / "single_box.sh"), NAME], capture_output=True, text=True, timeout=60, check=False
    )
    assert "run it with sudo" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "shellcheck"), str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
