"""docs/interface.md lists the commands, keys and columns that there are."""

import ast
import inspect
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

import prunegrid
from prunegrid.predict import metadata
from prunegrid.results import shards
from prunegrid.results.column_dictionary import MEASURED
from tests.docs.pages import HOME, blocks, codes, section, tables

PAGE = "interface.md"
SCHEMA_FILE = HOME / "workflow/schemas/config.schema.yaml"
NO_DEFAULT = "-"


def names(heading: str, number: int = 0) -> list[str]:
    """Return the names in the first column of a section's table."""
    return [name for row in tables(section(PAGE, heading))[number] for name in codes(row[0])]


def test_commands_exist():
    makefile = (HOME / "Makefile").read_text(encoding="utf-8")
    targets = {name.removeprefix("make ") for name in names("Commands")}
    assert targets == set(re.search(r"^\.PHONY: (.*)", makefile, re.M)[1].split())


def test_targets_exist():
    rules = [HOME / "workflow/Snakefile", *(HOME / "workflow/rules").glob("*.smk")]
    text = "".join(file.read_text(encoding="utf-8") for file in rules)
    targets = set(re.findall(r'^rule (\w+):\n    """Target:', text, re.M))
    assert set(names("Commands", 1)) == {"all", *targets}


def test_configuration_keys_and_defaults():
    schema = yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))
    (rows,) = tables(section(PAGE, "Configuration"))
    listed = {
        codes(key)[0]: yaml.safe_load(codes(default)[0]) if default != NO_DEFAULT else NO_DEFAULT
        for key, default, _ in rows
    }
    assert listed == dict(keys(schema))


def keys(schema, at=""):
    """Yield the dotted keys of a schema with their defaults."""
    for name, part in schema.get("properties", {}).items():
        key = f"{at}{name}"
        yield key, part.get("default", NO_DEFAULT)
        yield from keys(part, f"{key}.")
        for inner, mark in (("additionalProperties", ".<name>."), ("items", "[].")):
            if isinstance(part.get(inner), dict):
                yield from keys(part[inner], f"{key}{mark}")


def test_metadata_of_predictions():
    """The keys of the literal mappings that are written."""
    written = returned(metadata.__file__, "shard_metadata") | returned(shards.__file__, "joined_metadata")
    assert sorted(names("predictions.parquet")) == sorted(written)


def returned(file: str, function: str) -> set[str]:
    """Return the keys of the mapping that a function of a file returns."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    (found,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function]
    (last,) = [node.value for node in found.body if isinstance(node, ast.Return)]
    return {key.value for key in last.keys if key is not None}


def listed_in_scores(key: str) -> list[str]:
    """Return what the page lists as the content of a key of scores.json."""
    (rows,) = tables(section(PAGE, "scores.json"))
    (content,) = [content for name, content in rows if codes(name) == [key]]
    return codes(re.sub(r"\[.*?\]\(.*?\)", "", content))


def test_scores_of_a_cell(study_of_everything):
    scores = json.loads(next(study_of_everything.rglob("scores.json")).read_text(encoding="utf-8"))
    assert sorted(names("scores.json")) == sorted(scores)
    assert listed_in_scores("metrics") == list(scores["metrics"]["accuracy"])
    assert sorted(listed_in_scores("positions")) == sorted(scores["positions"])
    (ledger, *_) = tables(section("definitions.md", "Compute ledger"))
    beside = ["ratio_requested", "ratio_achieved", "min_image_tokens", "mean_image_tokens", "tied_cuts"]
    assert listed_in_scores("compute") == [*(codes(row[0])[0] for row in ledger), *beside]


@pytest.mark.parametrize("table", ["strategy", "criterion"])
def test_columns_of_tables(study_of_everything, table):
    contrasts = ("to_none", f"{table}_effect", "interaction")
    listed = {
        name.replace("{benchmark}", "presence").replace("{contrast}", contrast)
        for name in names("strategy.csv and criterion.csv")
        for contrast in contrasts
    }
    listed = [*listed, *listed_in_scores("compute"), *listed_in_scores("positions")]
    listed.remove("map")
    listed += [f"{name}{size}" for name in MEASURED for size in ("", "_b4")]
    assert sorted(listed) == sorted(pd.read_csv(study_of_everything / f"tables/{table}.csv").columns)


def test_columns_of_changes(study_of_everything):
    own, prefix = names("changes.csv"), "presence_"
    found = pd.read_csv(study_of_everything / "tables/changes.csv").columns
    assert [name.removeprefix(prefix) for name in found] == own
    place = own.index("metric")
    assert [name.startswith(prefix) for name in found] == [False] * place + [True] * (len(own) - place)


def test_columns_of_main_effects(study_of_everything):
    assert names("main_effects.csv") == [
        *pd.read_csv(study_of_everything / "tables/main_effects.csv").columns
    ]


def test_public_names():
    assert sorted(name.partition("(")[0] for name in names("Library")) == sorted(prunegrid.__all__)


@pytest.mark.parametrize("name", [name for name in names("Library") if "(" in name])
def test_public_functions(name):
    """The first parameters and their defaults are those that are listed."""
    function, _, listed = name.rstrip(")").partition("(")
    parameters = inspect.signature(getattr(prunegrid, function)).parameters.values()
    has = [one.name if one.default is one.empty else f"{one.name}={one.default!r}" for one in parameters]
    shown = listed.replace('"', "'").split(", ") if listed else []
    if shown[-1:] == ["..."]:
        has = [*has[: len(shown) - 1], "..."]
    assert shown == has


def test_the_code_that_reads_results_runs(study_of_everything, capsys):
    (code,) = blocks(section(PAGE, "Read results"), "python")
    code = code.replace("results/demo", str(study_of_everything)).replace("uniform", "hierarchical")
    names = {}
    exec(code, names)
    assert {"strategy", "question", "score"} < {*names["flipped"]}
    assert len(names["accuracy"]) > 2
    assert capsys.readouterr().out.startswith("hierarchical ")
