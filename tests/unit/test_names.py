"""The words of the house that a program can hold: CONTRIBUTING.md has the others."""

import ast
import re
import subprocess

from serve_app.settings import PROJECT_ROOT

VERBS = {"sign_in", "plug_in"}


def list_function_names() -> list[str]:
    """Every function of the project as ``file:name``."""
    files = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [
        f"{file}:{node.name}"
        for file in files
        if (PROJECT_ROOT / file).exists()
        for node in ast.walk(ast.parse((PROJECT_ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_functions_are_verbs_and_not_x_of_y_or_x_in_y() -> None:
    names = list_function_names()
    assert names
    wrong = [
        name
        for name in names
        if re.search(r"_(of|in)$", name) and not re.search(r":test_", name) and name.partition(":")[2] not in VERBS
    ]
    assert wrong == []
