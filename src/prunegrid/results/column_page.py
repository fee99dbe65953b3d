"""Make docs/columns.md: `python -m prunegrid.results.column_page > docs/columns.md`."""

from collections.abc import Sequence

from prunegrid.results.column_dictionary import DICTIONARY, ColumnEntry

_HEAD = """# Columns

Every column of a study's data files, made from `prunegrid.results.column_dictionary`, which tests compare
with the files of a study. Columns of the tables: [interface.md](interface.md#strategycsv-and-criterioncsv).

An empty field of CSV, and a null of Parquet, means that there is no such number. Shares are between 0 and 1.
Read CSV with `pd.read_csv(file, keep_default_na=False, na_values=[""])`: `none` is a name.
"""
_ABOUT = {
    "cells.csv": """One row per cell, `results/{model}/tables/cells.csv`. {metric} and {variant} stand for
the names of [scores.json](interface.md#scoresjson); a plug-in's scorer adds its own.""",
    "changed_answers.csv": """Up to five rows per cell and direction, the most frequent changes of answers,
`results/{model}/tables/changed_answers.csv`. Texts stand on one line, and end with … where they were cut.""",
    "schedules.csv": """One row per cut of a strategy's schedule, `results/{model}/figures/schedules.csv`.
Tokens are those of the first answered sample of the cell that it was read of.""",
    "predictions.parquet": """One row per sample, in the folder of the cell. Kept sets are nested, so
`token_depth` tells all of them: a token was kept by the cut before layer l where its depth is greater than l.
Metadata of the file: [interface.md](interface.md#predictionsparquet).""",
    "scores.parquet": """One row per sample, in the folder of the cell. What the rules are:
[protocols.md](protocols.md).""",
    "latency.parquet": """One row per measurement, `results/{model}/latency.parquet`. How it was measured:
[latency.md](latency.md).""",
    "flow.csv": """One row per number, `results/{model}/figures/flow.csv`: what it is of stands in `quantity`.
What flows are: [definitions.md](definitions.md#flows-of-attention).""",
    "flow.parquet": """One row per sample and what is hidden from it: the files
`results/flow/{model}/{benchmark}.parquet`.""",
}


def page() -> str:
    """Return the page as Markdown."""
    return f"{_HEAD}{''.join(_section(file, entries) for file, entries in DICTIONARY.items())}"


def _section(file: str, entries: Sequence[ColumnEntry]) -> str:
    names = ["column", "type", "unit", "meaning", *(["scorers"] if any(e.scorers for e in entries) else [])]
    lines = [names, ["---"] * len(names), *(_line(entry)[: len(names)] for entry in entries)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"\n## {file}\n\n{_ABOUT[file]}\n\n{table}\n"


def _line(entry: ColumnEntry) -> list[str]:
    scorers = ", ".join(f"`{name}`" for name in entry.scorers) or "all"
    return [f"`{entry.name}`", entry.dtype, entry.unit, entry.meaning, scorers]


if __name__ == "__main__":
    print(page(), end="")
