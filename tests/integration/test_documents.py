"""Commands of pages that no test runs: each is a program that exists, and takes the flags that a page gives it."""

import re
import subprocess
import sys
from functools import cache

import pytest

from serve_app.settings import PROJECT_ROOT
from testkit.documents import PAGES, list_blocks

PROGRAM = re.compile(r"-m ((?:training|benchmarks|tests)[\w.]*|edge_client \w+)(.*)")
JOB = re.compile(r"deploy/train_job\.sh (training\.\w+)?(.*)")


def list_flags() -> dict[str, set[str]]:
    """The flags that pages give to each program, a module with its subcommand."""
    flags: dict[str, set[str]] = {}
    for page in PAGES:
        for block in list_blocks(page):
            for command in block.commands if block.language == "bash" else ():
                found = JOB.search(command) or PROGRAM.search(command)
                if found:
                    given = re.findall(r"(?<=\s)--[\w-]+", found[2])
                    flags.setdefault(found[1] or "training.train_gru", set()).update(given)
    return flags


FLAGS = list_flags()


@cache
def read_help(program: str) -> str:
    command = [sys.executable, "-m", *program.split(), "--help"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", FLAGS)
def test_a_program_has_the_flags_that_a_page_gives_it(program: str) -> None:
    known = set(re.findall(r"--[\w-]+", read_help(program)))
    assert FLAGS[program] - known == set()
