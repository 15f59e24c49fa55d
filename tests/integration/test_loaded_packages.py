"""Who may import whom, asked of a fresh interpreter."""

import subprocess
import sys

import pytest

from serve_app.settings import PROJECT_ROOT

MODULES_OF = {
    package: [
        ".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((PROJECT_ROOT / package).rglob("*.py"))
    ]
    for package in ("landmarks", "serve_app")
}
THE_SKIN = {
    "serve_app.app",
    "serve_app.deployments.ingress",
    "serve_app.deployments.ray_client",
    "serve_app.lifecycle.driver",
    "serve_app.lifecycle.shutdown",
}


def imported_by(modules: list[str]) -> set[str]:
    """The top-level packages that a fresh interpreter has after importing these modules."""
    code = (
        f"import sys\nfor name in {modules!r}: __import__(name)\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert child.returncode == 0, child.stderr
    return set(child.stdout.split())


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (MODULES_OF["landmarks"], {"torch", "ray", "fastapi", "requests", "serve_app", "training", "edge_client"}),
        (
            [name for name in MODULES_OF["serve_app"] if name not in THE_SKIN],
            {"ray", "torch", "training", "edge_client"},
        ),
        (MODULES_OF["serve_app"], {"torch", "training", "edge_client"}),
    ],
    ids=["landmarks stands alone", "the core of the service runs without Ray", "the service needs no torch"],
)
def test_packages_keep_to_their_floor(modules: list[str], forbidden: set[str]) -> None:
    assert modules
    assert imported_by(modules) & forbidden == set()
