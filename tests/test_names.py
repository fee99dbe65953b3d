"""One name, one thing: no two modules and no two public classes of the package share a name."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src/prunegrid"
# Plug-ins are named as users name them: a benchmark and its scorer share a name. A job is named as its rule.
NAMED_OUTSIDE = {"benchmarks", "criteria", "methods", "models", "scorers", "strategies", "jobs"}
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [file for file in FILES if file.relative_to(PACKAGE).parts[0] not in NAMED_OUTSIDE]


def shared(places: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: found for name, found in places.items() if len(found) > 1}


def test_modules_and_folders_differ_in_name() -> None:
    places = defaultdict(list)
    for file in MODULES:
        named = file.parent if file.name == "__init__.py" else file
        places[named.stem].append(str(file.relative_to(PACKAGE)))
    assert len(places) > 100
    assert not shared(places)


def test_public_classes_differ_in_name() -> None:
    places = defaultdict(list)
    for file in MODULES:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name.lower()].append(str(file.relative_to(PACKAGE)))
    assert len(places) > 50
    assert not shared(places)
