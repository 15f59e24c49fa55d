"""Every answer that a page shows is the one that the real service gives to the command above it."""

import subprocess
import sys
from pathlib import Path

import pytest

from testkit.documents import PAGES, SERVICE, Block, is_shown, list_blocks, list_shown_answers
from testkit.service import RunningService

pytestmark = pytest.mark.e2e


def run(block: Block, service: RunningService, folder: Path) -> list[str]:
    """What a block prints when it is run against the service, by lines."""
    text = block.text.replace(SERVICE, service.url.removeprefix("http://"))
    command = [sys.executable, "-c", text] if block.language == "python" else ["bash", "-euc", text]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{block.text}\n{done.stderr}"
    return done.stdout.splitlines()


@pytest.mark.parametrize("page", [page for page in PAGES if any(block.asks for block in list_blocks(page))])
def test_the_commands_of_a_page_work_and_their_answers_are_as_it_shows(
    service: RunningService, page: str, tmp_path: Path
) -> None:
    printed: list[str] = []
    wrong = []
    for block in list_blocks(page):
        if block.asks:
            printed = run(block, service, tmp_path)
        if printed or block.asks:
            wrong += [
                f"{page} shows {shown}\nand the service says {printed}"
                for shown in list_shown_answers(block)
                if not any(is_shown(shown, real) for real in printed)
            ]
    assert not wrong, "\n\n".join(wrong)


def test_the_pages_that_show_answers_are_found() -> None:
    showing = {page for page in PAGES for block in list_blocks(page) if block.asks}
    expected = {
        "README.md",
        "README.es.md",
        "docs/http-api.md",
        "docs/operations.md",
        "docs/stream-protocol.md",
        "docs/training.md",
    }
    assert expected <= showing
