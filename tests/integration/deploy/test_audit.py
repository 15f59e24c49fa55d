"""deploy/audit.sh: a finding fails, no network passes and says so, anything else fails. pip-audit is played here."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from serve_app.settings import PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "deploy" / "audit.sh"
CLEAN = {"dependencies": [{"name": "numpy", "version": "2.4.6", "vulns": []}], "fixes": []}
FINDING = {
    "dependencies": [
        {"name": "jinja2", "version": "3.1.2", "vulns": [{"id": "GHSA-1", "fix_versions": ["3.1.3"], "aliases": []}]}
    ]
}
SKIPPED = {"dependencies": [{"name": "own", "skip_reason": "not found"}, *CLEAN["dependencies"]]}
NO_NETWORK = (
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.osv.dev', port=443): NameResolutionError"
)


@pytest.mark.parametrize(
    ("answer", "error", "code", "expected", "says"),
    [
        (CLEAN, "", 0, 0, "1 versions, 0 with a known vulnerability"),
        (FINDING, "Found 1 known vulnerability", 1, 1, "jinja2 3.1.2 has GHSA-1; mended in 3.1.3"),
        (SKIPPED, "", 0, 0, "not known to the database: own"),
        (None, NO_NETWORK, 1, 0, "not done, the database can't be reached"),
        (None, "error: no such option", 2, 1, ""),
        (CLEAN, "something odd", 3, 3, ""),
    ],
    ids=["clean", "finding", "skipped", "offline", "usage", "odd"],
)
def test_the_audit_passes_only_when_it_may(
    tmp_path: Path, answer: object, error: str, code: int, expected: int, says: str
) -> None:
    player = tmp_path / "pip-audit"
    (tmp_path / "answer").write_text(json.dumps(answer) if answer else "")
    player.write_text(f'#!/bin/sh\ncat {tmp_path / "answer"}\necho "{error}" >&2\nexit {code}\n')
    player.chmod(0o755)
    done = subprocess.run(
        [str(SCRIPT), str(player), "constraints.txt"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    assert says in done.stdout


def test_make_check_audits_every_pinned_file() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    audit = re.search(r"deploy/audit\.sh .*", makefile)
    assert audit
    for file in ("constraints.txt", "edge_client/requirements.txt"):
        assert file in audit[0]
        assert (PROJECT_ROOT / file).exists()
