"""Every file that starts Ray or names its ports: the dashboard and the jobs API on loopback, behind the token."""

import re
from pathlib import Path

import pytest
import yaml

from serve_app.settings import PROJECT_ROOT

FASTPATH = PROJECT_ROOT / "deploy" / "fastpath.env"
SHIPPED = [
    PROJECT_ROOT / "Makefile",
    *(path for path in sorted((PROJECT_ROOT / "deploy").iterdir()) if path.is_file()),
    *sorted((PROJECT_ROOT / "benchmarks").rglob("*.py")),
]
STARTS_RAY = re.compile(r"\bray start\b|\"?\$ray\"? start|\bserve run serve_config|\"serve\", \"run\"")
SAYS_TOKEN = re.compile(r"fastpath\.env|deploy/shell\.sh|RAY_AUTH_MODE=token")


def list_commands(path: Path) -> str:
    """A file without its comments, continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ")


def test_the_flags_that_all_share_turn_the_token_on() -> None:
    assert "RAY_AUTH_MODE=token" in FASTPATH.read_text().splitlines()


@pytest.mark.parametrize(
    "path", [path for path in SHIPPED if STARTS_RAY.search(list_commands(path))], ids=lambda path: path.name
)
def test_whatever_starts_ray_asks_for_the_token(path: Path) -> None:
    assert SAYS_TOKEN.search(list_commands(path)), f"{path.name} starts Ray without the token"


def test_the_search_finds_the_files_that_start_ray() -> None:
    found = {path.name for path in SHIPPED if STARTS_RAY.search(list_commands(path))}
    assert {"Makefile", "ec2-cluster.yaml", "helen-ray.service", "train_job.sh"} <= found


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_dashboard_is_never_bound_to_anything_but_loopback(path: Path) -> None:
    text = list_commands(path)
    assert set(re.findall(r"--dashboard-host[= ]\"?([\w.:]+)", text)) <= {"127.0.0.1"}
    assert set(re.findall(r"dashboard_host\W+([\w.:]+)", text)) <= {"127.0.0.1"}
    for head in re.findall(r"start --head[^\n]*", text):
        if path.suffix != ".yaml":
            assert "--dashboard-host 127.0.0.1" in " ".join(text.split()), f"{path.name}: {head}"


def test_a_head_that_other_machines_join_keeps_its_dashboard_to_itself() -> None:
    commands = yaml.safe_load((PROJECT_ROOT / "deploy" / "ec2-cluster.yaml").read_text())["head_start_ray_commands"]
    (start,) = [command for command in commands if "ray start" in command]
    assert "--dashboard-host=127.0.0.1" in start


def test_the_service_listens_on_loopback_as_shipped() -> None:
    options = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())["http_options"]
    assert options["host"] == "127.0.0.1"


SECRET = re.compile(r"(?:api[_-]?key|token|password|secret)s?\s*[:=]\s*[\"']?[A-Za-z0-9+/_-]{16,}", flags=re.IGNORECASE)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_no_shipped_file_holds_a_secret(path: Path) -> None:
    assert SECRET.findall(path.read_text()) == []
