"""The words of the house that a program can hold: CONTRIBUTING.md has the others.

Ruff bans imports by their path (TID251), but knows no rule about what a function, class or module may be called.
"""

import ast
import re
import subprocess

from serve_app.settings import PROJECT_ROOT

WORDLESS = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}
VERBS = {"sign_in", "plug_in"}


def list_files() -> list[str]:
    """Every module of the project."""
    files = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [file for file in files if (PROJECT_ROOT / file).exists()]


def list_function_names() -> list[str]:
    """Every function of the project as ``file:name``."""
    return [
        f"{file}:{node.name}"
        for file in list_files()
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


def test_a_module_or_class_is_named_after_what_it_is() -> None:
    classes = [
        f"{file}:{node.name}"
        for file in list_files()
        for node in ast.walk(ast.parse((PROJECT_ROOT / file).read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert classes
    wrong = [file for file in list_files() if WORDLESS & set(re.split(r"[/_.]", file))]
    wrong += [name for name in classes if re.search(r"(Helper|Manager|Misc|Utils?)$", name)]
    assert wrong == []
