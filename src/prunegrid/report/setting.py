"""What a study's names stand for: strategies, their schedules in layers and tokens, and criteria."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from prunegrid import plugins
from prunegrid.source.docstrings import first_paragraphs

# So many drawn schedules are listed of a strategy.
_MOST_DRAWS = 10


def setting(names: Mapping[str, Sequence[Mapping[str, Any]]], schedules: Path) -> str:
    """Return the section's HTML: a table of strategies, one of their schedules, one of criteria.

    Parameters
    ----------
    names : mapping
        "strategies" and "criteria" -> of each `name`, `plugin` and `options`: see
        `study.descriptions.describe_names`. What a plug-in does is told by the docstrings of its
        file and class.
    schedules : Path
        File of `report.schedules.plot_schedules`.
    """
    return (
        _names("Strategies: where tokens are dropped, and how many", "strategies", names)
        + _schedules(schedules)
        + _names("Criteria: which tokens stay", "criteria", names)
    )


def _names(heading: str, kind: str, names: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    rows = []
    for row in names[kind]:
        source = plugins.class_source(kind, plugins.path(kind, row["plugin"]))
        rows.append([_name(row), _prose(" ".join(first_paragraphs(source)))])
    return _table(heading, ["name", "what it does"], rows)


def _name(row: Mapping[str, Any]) -> str:
    """Return a name, with the plug-in below it where the two differ, and the options that are set."""
    parts = [row["plugin"]] if row["plugin"] != row["name"] else []
    parts += [f"{key}: {value}" for key, value in row["options"].items()]
    below = f"<small>{escape(', '.join(parts))}</small>" if parts else ""
    return f"{escape(row['name'])}{below}"


def _prose(docstring: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(docstring))


def _schedules(file: Path) -> str:
    rows = pd.read_csv(file, keep_default_na=False, na_values=[""], dtype={"strategy": str})
    lines = []
    for (strategy, ratio), some in rows.groupby(["strategy", "ratio"], sort=False):
        draws = [_cuts(cuts) for _, cuts in some.groupby("draw")]
        drawn = f"{len(draws)} drawn: " if len(draws) > 1 else ""
        more = f"; and {len(draws) - _MOST_DRAWS} more" if len(draws) > _MOST_DRAWS else ""
        of = "/".join(str(n) for n in some["n_image_tokens"].unique())
        lines.append(
            [escape(str(strategy)), f"{ratio:g}", f"{drawn}{'; '.join(draws[:_MOST_DRAWS])}{more}", of]
        )
    return _table(
        "Schedules: how many tokens are left",
        ["strategy", "ratio", "layer: image tokens from there on", "of, in one sample"],
        lines,
    )


def _cuts(rows: pd.DataFrame) -> str:
    return ", ".join(f"{layer}: {tokens}" for layer, tokens in rows[["layer", "tokens"]].to_numpy(dtype=int))


def _table(heading: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of HTML, nothing without rows."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    lines = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{text}</td>" for text in others)}</tr>'
        for first, *others in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<h3>{escape(heading)}</h3>\n<div class="facts">{table}</div>\n'
