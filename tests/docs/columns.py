"""Compare the files of a study with the dictionary of columns, both ways."""

import json
from collections.abc import Set
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from prunegrid import plugins
from prunegrid.results.column_dictionary import DICTIONARY, MEASURED
from prunegrid.results.predictions import read_metadata

# Not in every study: of both matchings, or of cells that were matched; on request.
MATCHED = {"match", "total_gap", "total_is_off"}
ON_REQUEST = {*(f"bleu_{n}" for n in range(10)), "rouge_l", "meteor"}


def faults_of_run(model: Path) -> list[str]:
    """Return how the files of a model's results differ from the dictionary.

    Parameters
    ----------
    model : Path
        `results/{model}` of a study of one matching.
    """
    is_measured = (model / "latency.parquet").is_file()
    found = faults_of_tables(model, MATCHED if is_measured else MATCHED | {*MEASURED})
    files = sorted(model.glob("*/*/*/ratio-*/seed-*/predictions.parquet"))
    for file in files:
        found += of_parquet("predictions.parquet", file)
        scorer = plugins.describe("benchmarks", read_metadata(file)["data"]["adapter"])["scorer"]
        found += of_scores(file.with_name("scores.parquet"), scorer)
    if is_measured:
        found += of_parquet("latency.parquet", model / "latency.parquet")
    return list(dict.fromkeys(found)) if files else ["there are no cells"]


def faults_of_tables(model: Path, optional: Set[str] = frozenset()) -> list[str]:
    """Return how the CSV files differ, but for columns that a study need not have."""
    return [
        *of_cells(model, optional),
        *of_csv(model / "tables/changed_answers.csv", optional),
        *of_csv(model / "figures/schedules.csv"),
    ]


def of_cells(model: Path, optional: Set[str]) -> list[str]:
    """Compare cells.csv, whose metrics are those of the scores beside it."""
    scores = [json.loads(file.read_text()) for file in model.rglob("seed-*/scores.json")]
    variants = {
        metric: {variant: None for one in scores for variant in one["variants"].get(metric, ())}
        for metric in dict.fromkeys(metric for one in scores for metric in one["metrics"])
    }
    frame = read(model / "tables/cells.csv")
    sizes = {name.rpartition("_b")[2] for name in frame if name.startswith("latency_n_b")}
    known = {}
    for entry in DICTIONARY["cells.csv"]:
        if "{measured}" in entry.name:
            names = [f"{name}_b{size}" for size in sizes for name in MEASURED]
        elif "{variant}" in entry.name:
            names = [f"{metric}_{variant}" for metric, own in variants.items() for variant in own]
        elif "{metric}" in entry.name:
            names = [entry.name.replace("{metric}", metric) for metric in variants]
        else:
            names = [entry.name]
        known |= dict.fromkeys(names, entry.dtype)
    return [*differences("cells.csv", known, types(frame), optional), *wrong_types(known, frame)]


def of_csv(file: Path, optional: Set[str] = frozenset()) -> list[str]:
    frame, known = read(file), {entry.name: entry.dtype for entry in DICTIONARY[file.name]}
    return [*differences(file.name, known, types(frame), optional), *wrong_types(known, frame)]


def of_parquet(name: str, file: Path) -> list[str]:
    known = {entry.name: entry.dtype for entry in DICTIONARY[name]}
    return compared(name, known, file, frozenset())


def compared(name: str, known: dict[str, str], file: Path, optional: Set[str]) -> list[str]:
    found = {field.name: plain(field.type) for field in pq.read_schema(file)}
    other = [key for key in found if found[key] != known.get(key, found[key])]
    wrong = [f"{name}: {key} is {found[key]}, not {known[key]}" for key in other]
    return [*differences(name, known, found, optional), *wrong]


def of_scores(file: Path, scorer: str) -> list[str]:
    return compared(f"scores.parquet of {scorer}", of_scorer(scorer), file, ON_REQUEST)


def of_scorer(scorer: str) -> dict[str, str]:
    """Return the columns that the dictionary has for a scorer."""
    entries = DICTIONARY["scores.parquet"]
    return {entry.name: entry.dtype for entry in entries if not entry.scorers or scorer in entry.scorers}


def differences(name: str, known: dict, found: dict, optional: Set[str]) -> list[str]:
    unknown = [f"{name}: column {column} is not in the dictionary" for column in found if column not in known]
    missing = [f"{name} lacks {column}" for column in known if column not in found and column not in optional]
    return [*unknown, *missing]


def wrong_types(known: dict, frame: pd.DataFrame) -> list[str]:
    """Return columns whose type is another one; of nothing but empty fields any type may be read."""
    own = {name: kind for name, kind in types(frame).items() if frame[name].notna().any()}
    wrong = {name: kind for name, kind in own.items() if not fits(kind, known.get(name))}
    return [f"{name} is {kind}, not {known[name]}" for name, kind in wrong.items()]


def fits(kind: str, wanted: str | None) -> bool:
    return kind == wanted or (kind, wanted) == ("int64", "float64") or wanted is None


def types(frame: pd.DataFrame) -> dict[str, str]:
    """Return the types of a frame that was read from CSV."""
    found = {}
    for name, column in frame.items():
        values = set(column.dropna().unique().tolist())
        text = pd.api.types.is_string_dtype(column.dtype) or column.dtype == object
        is_truth = bool(values) and values <= {True, False} and (text or column.dtype == bool)
        found[str(name)] = "bool" if is_truth else "string" if text else str(column.dtype)
    return found


def read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, keep_default_na=False, na_values=[""])


def plain(kind) -> str:
    """Return how the dictionary calls a type of Arrow."""
    if hasattr(kind, "value_type"):
        return f"list of {plain(kind.value_type)}"
    name = str(kind).partition("<")[0]
    return {"float": "float32", "double": "float64", "large_string": "string"}.get(name, name)
