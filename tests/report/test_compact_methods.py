"""The compact table of methods: the numbers of methods.csv, and names escaped."""

import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from prunegrid.report.compact_methods import compact_methods
from prunegrid.tables.build import compared
from prunegrid.tables.methods_table import write_methods
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

N = 200
TOLD = {"title": "T", "paper": "arXiv 0000.00000", "strategy": "single", "criterion": "norm", "differs": ""}
HOSTILE = '<script>alert("1")</script>'
# Right answers of a method, and of the same upside down.
RIGHT = {"good": (190, 60), "drawn": (120, 121), HOSTILE: (121, 119)}
COMPUTE = {"tflops_published": 1.0, "tflops_total": 2.0, "ratio_achieved": 0.5, "mean_image_tokens": 32.0}


def cells(*, reversed_too: bool = True):
    made = [cell("none", [1.0] * N, compute={**COMPUTE, "tflops_total": 4.0, "mean_image_tokens": 64.0})]
    for name, counts in RIGHT.items():
        for criterion, count in zip((name, f"{name}-reversed"), counts, strict=True):
            if reversed_too or criterion == name:
                scores = [1.0] * count + [0.0] * (N - count)
                made.append(cell(name, scores, criterion=criterion, compute=COMPUTE))
    return made


@pytest.fixture
def shown(tmp_path: Path):
    """A function that returns the table of cells: its HTML, and rows of cells' texts."""

    def make(scored, reference: str = "drawn") -> tuple[str, list[list[str]]]:
        methods = dict.fromkeys(RIGHT, TOLD)
        options = TableOptions(replicates=2000, methods=methods, reference_method=reference)
        made = compared(scored, [], options)
        write_methods(made.methods, made.method_effects, made.averaged, tmp_path)
        text = compact_methods(tmp_path)
        rows = re.findall(r"<tr.*?</tr>", text)
        return text, [[plain(one) for one in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]

    return make


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_a_row_has_cost_what_is_kept_differences_and_scores(shown) -> None:
    _, rows = shown(cells())
    by_name = {row[0]: row for row in rows}
    assert [head.partition(" ")[0] for head in rows[0]] == [
        "method",
        "image",
        "total",
        "kept",
        "to",
        "to",
        "b",
    ]
    assert rows[0][4] == "to drawn points"
    assert by_name["unpruned"][1:] == ["64.0", "100.0", "100.0", "–", "–", "100.0"]  # noqa: RUF001
    tokens, share, kept, to_drawn, to_reversed, score = by_name["good"][1:]
    assert (tokens, share, score) == ("32.0", "50.0", "95.0")
    assert re.match(r"95\.0 \d+\.\d to \d+\.\d$", kept)
    assert re.match(r"\+35\.0 \* \+\d", to_drawn)
    assert re.match(r"\+65\.0 \* \+\d", to_reversed)
    assert by_name["drawn"][4] == "reference"
    assert "*" not in by_name["drawn"][5]


def test_reversed_methods_are_differences_alone(shown) -> None:
    _, rows = shown(cells())
    assert [row[0] for row in rows if len(row) > 1][1:] == ["unpruned", *RIGHT]
    _, rows = shown(cells(reversed_too=False))
    assert "to itself reversed points" not in rows[0]


def test_without_the_reference_no_column_compares_with_it(shown) -> None:
    _, rows = shown(cells(), reference="absent")
    assert [name for name in rows[0] if name.startswith("to ")] == ["to itself reversed points"]
    assert not any("reference" in text for row in rows for text in row)


def test_a_budget_out_of_reach_is_said_beside_the_name(shown, tmp_path: Path) -> None:
    shown(cells())
    file = tmp_path / "methods.csv"
    frame = pd.read_csv(file, keep_default_na=False)
    row = frame[frame["method"] == "good"].copy()
    numbers = [name for name in row if name.startswith(("kept", "to_", "tflops", "mean_", "b_"))]
    row[numbers] = ""
    row["unreachable"], row["n_seeds"], row["b_metric"] = "ratio 0.5 is out of reach", 0, ""
    pd.concat([frame[frame["method"] != "good"], row]).to_csv(file, index=False)
    (line,) = re.findall(r"<tr[^>]*><th[^>]*>good.*?</tr>", compact_methods(tmp_path))
    assert plain(line) == "good out of reach – – – – – –"  # noqa: RUF001
    assert line.count('class="empty"') == 6


def test_names_are_escaped(shown) -> None:
    text, _ = shown(cells())
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
