"""The programs that the files of deploy/ are for: found here, or the test says that it is skipped."""

import shutil

import pytest


def find_program(name: str) -> str | None:
    """The path of a program, also where only root looks for it; none where it isn't installed."""
    return shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


def require_program(name: str) -> str:
    """The path of a program; without it the calling test is skipped, saying so."""
    path = find_program(name)
    if path is None:
        pytest.skip(f"{name} is not installed here")
    return path
