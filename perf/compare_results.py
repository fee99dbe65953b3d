"""Compare two folders of results cell by cell: predictions, scores and tables, column by column.

`python perf/compare_results.py BEFORE AFTER --renamed said=parsed_answer` prints what differs, and ends
with 1 if anything does. Times, hashes and versions lie in the metadata of files, which are left out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

FILES = ("predictions.parquet", "scores.parquet", "scores.json")


def differences(before: Path, after: Path, renamed: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for every file, column or value that is not the same on both sides."""
    names = [
        {file.relative_to(side).parent for file in side.glob("*/*/*/*/ratio-*/seed-*/scores.json")}
        for side in (before, after)
    ]
    for name in sorted(names[0] ^ names[1]):
        yield f"{name}: only {'before' if name in names[0] else 'after'}"
    for name in sorted(names[0] & names[1]):
        for file in FILES:
            one, other = before / name / file, after / name / file
            if file.endswith(".json"):
                yield from _values(
                    f"{name}/{file}", json.loads(one.read_text()), json.loads(other.read_text())
                )
            else:
                yield from _columns(
                    f"{name}/{file}",
                    pq.read_table(one, partitioning=None),
                    pq.read_table(other, partitioning=None),
                    renamed,
                )
    for file in sorted(before.glob("*/tables/*.csv")):
        one, other = (
            pd.read_csv(path, dtype=str, keep_default_na=False)
            for path in (file, after / file.relative_to(before))
        )
        yield from _columns(
            str(file.relative_to(before)), pa.Table.from_pandas(one), pa.Table.from_pandas(other), renamed
        )


def _columns(where: str, one: pa.Table, other: pa.Table, renamed: Mapping[str, str]) -> Iterator[str]:
    one = one.rename_columns([renamed.get(name, name) for name in one.column_names])
    for name in sorted({*one.column_names} ^ {*other.column_names}):
        yield f"{where}: column {name} on one side only"
    for name in one.column_names:
        if name in other.column_names and one[name].to_pylist() != other[name].to_pylist():
            pairs = zip(one[name].to_pylist(), other[name].to_pylist(), strict=False)
            unequal = [(a, b) for a, b in pairs if a != b and not (a != a and b != b)]
            if unequal or len(one) != len(other):
                count = f"{len(unequal)} of {len(one)} values differ"
                yield f"{where}: column {name}: {count}, the first {unequal[:1]}"


def _values(where: str, one: Any, other: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if key in one and key in other:
                yield from _values(f"{where}: {key}", one[key], other[key])
            else:
                yield f"{where}: {key} on one side only"
    elif one != other:
        yield f"{where}: {one} and {other}"


def main() -> None:
    """Compare and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--renamed", nargs="*", default=[])
    args = parser.parse_args()
    found = list(differences(args.before, args.after, dict(pair.split("=") for pair in args.renamed)))
    n_cells = len(list(args.before.glob("*/*/*/*/ratio-*/seed-*/scores.json")))
    print(*found[:40], f"{n_cells} cells, {len(found)} differences", sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
