"""The page's table of data, versions and devices, in words; tables of plain text."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from prunegrid.results.predictions import read_metadata_if_any

# Metadata that say nothing of the other cells.
_OF_ONE_CELL = (
    *("cell", "code", "criterion", "key", "schedule", "schedule_attempts", "scored_by"),
    *("seconds", "strategy"),
)
_NOT_SET = "not set"


def versions(files: Mapping[str, str | Path]) -> str:
    """Return a table of data, versions and devices: once what all benchmarks share, the rest for each.

    Parameters
    ----------
    files : mapping
        Benchmark -> a predictions.parquet, whose metadata tells them.
    """
    known: dict[str, dict[str, str]] = {}
    for benchmark, file in files.items():
        metadata = read_metadata_if_any(file)
        for name, value in _flatten({key: metadata[key] for key in metadata if key not in _OF_ONE_CELL}):
            known.setdefault(name, {})[benchmark] = value
    rows = []
    for name, values in known.items():
        if set(values.values()) == {_NOT_SET}:
            continue
        if len(values) == len(files) and len(set(values.values())) == 1:
            rows.append([name, "all", *set(values.values())])
        else:
            rows += [[name, benchmark, value] for benchmark, value in values.items()]
    return plain_table(["what", "benchmark", "value"], rows)


def _flatten(value: Any, name: str = "") -> list[tuple[str, str]]:
    """List nested settings by dotted name; a model's own configuration is too long for a page."""
    if isinstance(value, dict):
        return [
            pair
            for key, inner in value.items()
            if key != "config"
            for pair in _flatten(inner, f"{name}.{key}" if name else str(key))
        ]
    return [(name, in_words(value))]


def in_words(value: Any) -> str:
    """Return a value of JSON as people write it: `a, b`; `name: Card, memory_gb: 80`; `not set`."""
    if value is None:
        return _NOT_SET
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {in_words(inner)}" for key, inner in value.items() if inner is not None)
    if isinstance(value, list | tuple):
        apart = "; " if any(isinstance(inner, dict | list | tuple) for inner in value) else ", "
        return apart.join(in_words(inner) for inner in value) or "none"
    return str(value)


def plain_table(names: Sequence[str], rows: Sequence[Sequence[str]], scrolls: str = "") -> str:
    """Return a table of text; one of many columns `scrolls` sideways, and has that name."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(_plain_row(*row) for row in rows)
    box = (
        f'class="box" tabindex="0" role="region" aria-label="{escape(scrolls)}"'
        if scrolls
        else 'class="facts"'
    )
    return f"<div {box}><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n"


def _plain_row(first: str, *others: str) -> str:
    cells = "".join(f"<td>{escape(text)}</td>" for text in others)
    return f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
