"""The README says what each dependency is for, and each is imported by the program."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMES = [re.split(r"[<>=\[]", line)[0] for line in PROJECT["dependencies"]]
UNSEEN = {"tzdata": "read by zoneinfo", "python-multipart": "imported by FastAPI"}


def _imported():
    found = set()
    for path in (ROOT / "digest").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_readme_says_what_each_dependency_is_for():
    table = README.partition("### Dependencies\n")[2].partition("\n\nChanges")[0]
    rows = re.findall(r"^\| ([\w.-]+) \| (.+) \|$", table, re.MULTILINE)
    assert [name for name, _ in rows if name != "package"] == NAMES


MODULES = _imported()
IMPORTED = {
    _normal(distribution)
    for module, distributions in packages_distributions().items()
    if module in MODULES
    for distribution in distributions
}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNSEEN])
def test_the_program_imports_each_dependency(name):
    assert _normal(name) in IMPORTED
