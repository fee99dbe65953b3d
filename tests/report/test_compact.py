"""The compact table: the numbers of the CSV, marks of the findings, names escaped."""

import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from prunegrid.findings.write_findings import findings_of, write_findings
from prunegrid.report.compact import compact
from prunegrid.report.first_blocks import first_blocks
from prunegrid.report.found import found
from prunegrid.tables import flat
from prunegrid.tables.build import compared
from prunegrid.tables.options import TableOptions
from tests.findings.made_up import OPTIONS, right, study
from tests.tables.made_up import cell
from tests.tables.two_matchings import BOTH
from tests.tables.two_matchings import cells as of_two_matchings

HOSTILE = '<script>alert("1")</script>'


@pytest.fixture
def shown(tmp_path: Path):
    """A function that returns the strategy table of cells: its HTML, and rows of cells' texts."""

    def make(cells, options: TableOptions = OPTIONS) -> tuple[str, list[list[str]]]:
        made = compared(cells, [], options)
        for table in made.tables:
            (tmp_path / f"{table.kind}.csv").write_text(flat.render(table))
        blocks = first_blocks(tmp_path, "strategy", options.reference_criterion)
        text = compact(blocks, options.reference_strategy, [vars(one) for one in findings_of(made)])
        rows = re.findall(r"<tr.*?</tr>", text)
        return text, [[plain(one) for one in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]

    return make


def plain(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html)).strip()


def test_a_row_has_value_difference_and_cost(shown) -> None:
    text, rows = shown(study(hierarchical=150, single=190, uniform=149))
    by_name = {row[0]: row for row in rows}
    assert "+20.0 *" in by_name["single"][2]
    assert by_name["single"][1] == "100.0"
    assert "reference" in by_name["hierarchical"][2]
    assert re.search(r"74\.5.*−0\.5 ", by_name["uniform"][2])  # noqa: RUF001
    assert "*" not in by_name["uniform"][2]
    assert re.findall(r"<b>([\d.]+)</b>", text) == ["95.0"]


def test_bold_is_what_the_findings_call_best(shown) -> None:
    """Told by the block, not by the table's correction: no line says so, and nothing is bold."""
    cells = [one for n in range(8) for one in study(f"b{n}", hierarchical=150, single=158 if n == 0 else 150)]
    assert "<b>" not in shown(cells)[0]


def test_two_matchings_have_a_block_each(shown) -> None:
    _, rows = shown(of_two_matchings(), BOTH)
    blocks = [row[0] for row in rows if len(row) == 1]
    assert blocks == [
        "no pruning, and the floors",
        "ratio 0.5, equal share of tokens",
        "ratio 0.5, equal total compute",
    ]
    (missed,) = [row for row in rows if row[0] == "exit" and "≠" in row[1]]
    assert missed


def test_a_row_of_another_criterion_is_left_to_the_full_table(shown) -> None:
    cells = [cell("none", right(200))]
    cells += [
        cell(s, right(120), criterion=c)
        for s in ("hierarchical", "uniform", "random")
        for c in ("attention", "random")
    ]
    assert [row[0] for row in shown(cells)[1] if len(row) > 1][1:] == [
        "unpruned",
        "hierarchical",
        "uniform",
        "random",
    ]


def test_errors_only_are_a_dash(shown) -> None:
    cells = [*study(hierarchical=150), cell("single", [None] * 200)]
    by_name = {row[0]: row for row in shown(cells)[1]}
    assert by_name["single"][2] == "–"  # noqa: RUF001


def test_many_benchmarks_stand_closer(shown) -> None:
    few = [one for n in range(6) for one in study(f"b{n}", hierarchical=150)]
    assert 'class="compact"' in shown(few)[0]
    assert 'class="compact many"' in shown([*few, *study("b7", hierarchical=150)])[0]


def test_every_cell_says_its_column_to_a_phone_and_its_role_to_a_reader(shown) -> None:
    text, _ = shown(study("vqa", hierarchical=150, single=190))
    assert text.count("<td") == text.count('<td role="cell" data-label="')
    assert 'data-label="vqa"' in text
    assert 'role="table"' in text


def test_names_are_escaped(shown, tmp_path) -> None:
    cells = [
        cell(s, right(n), benchmark=HOSTILE) for s, n in (("none", 200), ("hierarchical", 9), (HOSTILE, 150))
    ]
    text, rows = shown(cells)
    assert "<script" not in text
    assert any(HOSTILE in row[0] for row in rows)
    made = compared(cells, [], OPTIONS)
    write_findings(made, tmp_path)
    page = found(pd.read_json(tmp_path / "findings.json", typ="series").to_dict())
    assert "<script" not in page
    assert HOSTILE in unescape(page)
