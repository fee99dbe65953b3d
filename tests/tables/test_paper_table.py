"""Tables for a paper: what is chosen of the full tables, with their numbers and marks."""

import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from prunegrid.tables import markdown
from prunegrid.tables.build import build_tables, compared
from prunegrid.tables.cells import read_cells
from prunegrid.tables.display import headlines
from prunegrid.tables.display import printed as full_table
from prunegrid.tables.options import TableOptions
from prunegrid.tables.paper_choice import chosen_blocks, of_benchmarks
from prunegrid.tables.paper_columns import COLUMNS
from prunegrid.tables.paper_options import METRICS, PaperOptions
from prunegrid.tables.paper_table import MOST_COLUMNS, flat, printed
from tests.tables import tex
from tests.tables.scored_study import UNREACHABLE

MARKS = "*°†‡§≠≈"
ALL = {"metrics": METRICS, "columns": [*COLUMNS], "ratios": [0.5, 0.9], "intervals": True}


@pytest.fixture(scope="module")
def tables(study):
    """Return the full strategy table and the full criterion table."""
    made = compared(read_cells(study.cells), UNREACHABLE, TableOptions(replicates=1000, toy=True))
    return dict(zip(("strategy", "criterion"), made.tables, strict=True))


def shown(table, **options):
    """Return a table for a paper, the table behind it, and its CSV."""
    chosen = PaperOptions(**options)
    whole = of_benchmarks(table, chosen.benchmarks)
    part = replace(whole, blocks=chosen_blocks(whole, chosen))
    csv = io.StringIO(flat(whole, part, chosen))
    return printed(whole, part, chosen), part, pd.read_csv(csv, keep_default_na=False, na_values=[""])


def rows(text):
    return [line.fields[0].main for _, lines in text.blocks for line in lines]


def test_by_default_it_has_the_largest_ratio_at_the_reference(tables) -> None:
    text, part, _ = shown(tables["strategy"])
    assert [heading for heading, _ in text.blocks] == ["", "criterion attention, ratio 0.9"]
    assert rows(text)[:4] == ["none", "blind", "mismatched", "hierarchical"]
    assert [heading for heading, _ in text.groups] == [f"{b}: {m}" for b, m in titles(part).items()]
    assert {*map(tuple, (names for _, names in text.groups))} == {("value", "Δ ref.")}
    assert text.columns == ["strategy", "FLOPs (total), %"]
    text, *_ = shown(tables["criterion"])
    assert [heading for heading, _ in text.blocks] == ["", "strategy hierarchical, ratio 0.9"]


def titles(table):
    return {b: {"accuracy": "accuracy, %", "cider": "CIDEr x 100"}[m] for b, m in headlines(table).items()}


def test_benchmarks_rows_ratios_and_blocks_are_those_asked_for(tables) -> None:
    text, _, csv = shown(
        tables["strategy"],
        benchmarks=["words", "easy"],
        rows=["none", "random", "hierarchical"],
        ratios=[0.5, 0.9],
        fixed=["random", "attention"],
    )
    assert [heading.partition(":")[0] for heading, _ in text.groups] == ["words", "easy"]
    assert rows(text) == ["none", *["hierarchical", "random"] * 4]
    assert {heading for heading, _ in text.blocks[1:]} == {
        f"criterion {criterion}, ratio {ratio}"
        for criterion in ("attention", "random")
        for ratio in (0.5, 0.9)
    }
    assert {*csv.benchmark} == {"words", "easy"}
    assert {*csv.strategy} == {"none", "random", "hierarchical"}


@pytest.mark.parametrize("kind", ["strategy", "criterion"])
def test_figures_and_marks_are_those_of_the_full_table(tables, kind: str) -> None:
    """No mark is stronger than the test behind it in the full table."""
    table = tables[kind]
    text, part, _ = shown(table, **ALL)
    full = full_table(table)
    wanted = {heading: {line.fields[0].main: line.fields for line in lines} for heading, lines in full.blocks}
    columns = ["value", "to unpruned", f"to reference {kind}", "interaction", "gain kept"]
    compared_fields = 0
    for block, (_, lines) in zip(part.blocks, text.blocks, strict=True):
        for line in lines:
            fields = wanted[block.heading][line.fields[0].main]
            for number in range(len(part.benchmarks)):
                own = line.fields[1 + len(COLUMNS) + number * len(METRICS) :][: len(columns)]
                theirs = fields[len(full.columns) + number * len(columns) :][: len(columns)]
                for mine, other in zip(own, theirs, strict=True):
                    assert mine.main == other.main.removesuffix(" %").replace("reference", "ref.")
                    assert (mine.mark, mine.bold) == (other.mark, other.bold)
                    assert mine.below == (other.below[:1] if other.main != "–" else ())  # noqa: RUF001
                    compared_fields += 1
    assert compared_fields > 100


@pytest.mark.parametrize("kind", ["strategy", "criterion"])
@pytest.mark.parametrize("options", [{}, ALL, {"rows": ["none"]}, {"metrics": ["value"], "columns": []}])
def test_notes_explain_the_marks_that_are_shown_and_no_others(tables, kind: str, options) -> None:
    text, *_ = shown(tables[kind], **options)
    fields = [field for _, lines in text.blocks for line in lines for field in line.fields]
    marks = {mark for field in fields for mark in field.mark}
    told = {note[0] for note in text.notes if note[0] in MARKS}
    assert told == marks
    assert any(note.startswith("Bold") for note in text.notes) == any(field.bold for field in fields)
    assert any("intervals over images" in note for note in text.notes) == options.get("intervals", False)
    metrics = options.get("metrics", ["value", "to_reference"])
    for sign, metric in (("Δ none", "to_unpruned"), ("Δ ref.", "to_reference"), ("kept, %", "gain_kept")):
        assert any(note.startswith(sign) for note in text.notes) == (metric in metrics)
    assert any("FLOPs" in note for note in text.notes) == (options.get("columns", ["x"]) != [])
    assert any("Over drawn" in note for note in text.notes) == any("draw" in "".join(f.below) for f in fields)


@pytest.mark.parametrize("kind", ["strategy", "criterion"])
def test_csv_is_strategy_csv_in_the_units_of_the_table(study, tables, kind: str) -> None:
    _, _, csv = shown(tables[kind], **ALL)
    full = pd.read_csv(study.tables / f"{kind}.csv", keep_default_na=False, na_values=[""])
    assert len(csv) > 40
    for row in csv.itertuples():
        (theirs,) = full[
            (full.block == row.block) & (full.strategy == row.strategy) & (full.criterion == row.criterion)
        ].to_dict("records")
        assert row.value_points == pytest.approx(100 * theirs[f"{row.benchmark}_value"])
        assert row.value_low_points == pytest.approx(100 * theirs[f"{row.benchmark}_low"])
        for mine, other in {
            "to_unpruned": "to_none",
            "to_reference": f"{kind}_effect",
            "interaction": "interaction",
        }.items():
            for end in ("", "_low", "_high"):
                number = 100 * theirs[f"{row.benchmark}_{other}{end}"]
                assert getattr(row, f"{mine}{end}_points") == pytest.approx(number, nan_ok=True)
        p = theirs[f"{row.benchmark}_{kind}_effect_p_holm"]
        assert row.to_reference_p_holm == pytest.approx(p, nan_ok=True)
        assert row.best_group == theirs[f"{row.benchmark}_best_group"]
        assert row.tflops_total == pytest.approx(theirs["tflops_total"])
        assert row.tflops_total_percent == pytest.approx(100 * theirs["tflops_total_share"])
        assert row.removed_share == pytest.approx(theirs["ratio_achieved"])
        changed = 1 - theirs[f"{row.benchmark}_agreement"]
        assert row.answers_changed_percent == pytest.approx(100 * changed, nan_ok=True)
        assert row.gain_kept_percent == pytest.approx(100 * theirs[f"{row.benchmark}_retained"], nan_ok=True)


def test_per_cent_of_compute_need_no_unpruned_row_in_the_table(tables) -> None:
    with_none, without = (
        shown(tables["strategy"], rows=rows)[2].query("strategy == 'hierarchical'").tflops_total_percent
        for rows in (["none", "hierarchical"], ["hierarchical"])
    )
    assert with_none.notna().all()
    assert [*with_none] == [*without]


def test_means_are_over_the_benchmarks_that_are_shown(tables) -> None:
    text, part, csv = shown(tables["strategy"], benchmarks=["easy"], columns=["tflops_total"])
    assert part.benchmarks == ["easy"]
    assert all(row.results.keys() <= {"easy"} for row in part.rows)
    (hierarchical,) = csv.query("strategy == 'hierarchical'").to_dict("records")
    row = next(row for row in part.rows if row.label == "hierarchical")
    assert hierarchical["tflops_total"] == row.results["easy"].compute["tflops_total"]
    assert text.columns[1] == "MFLOPs (total)"


def test_markdown_has_at_most_eight_columns_and_all_of_them(study, tables) -> None:
    for kind in ("strategy", "criterion"):
        text = (study.tables / f"paper-{kind}.md").read_text(encoding="utf-8")
        heads = [line for line in text.splitlines() if line.startswith(f"| {kind} |")]
        assert len(heads) == 4
        assert max(line.count("|") - 1 for line in heads) <= MOST_COLUMNS
        for benchmark in ("easy", "presence", "letters", "words"):
            assert sum(f"{benchmark}: Δ ref." in line for line in heads) == 2
        assert text.count("Toy model") == 1
        assert "###  " not in text
    assert "\n\n\n" not in markdown.render(shown(tables["strategy"])[0])


def test_a_choice_that_nothing_fits_says_so(tables) -> None:
    text, _, csv = shown(tables["strategy"], rows=["single"])
    assert text.blocks == []
    assert text.notes == ["No row of the study is what tables.paper.strategy asks for."]
    assert csv.empty
    assert "benchmark" in csv


@pytest.mark.skipif(not tex.is_here(), reason="TABLES WERE NOT COMPILED: see tests/tables/test_latex.py")
def test_wide_choices_compile_in_one_column_and_in_two(study, tmp_path: Path) -> None:
    fragments = []
    for width in ("one", "two"):
        paper = {kind: {**ALL, "width": width} for kind in ("strategy", "criterion")}
        folder = tmp_path / width
        build_tables(study.cells, UNREACHABLE, folder, {"replicates": 100, "paper": paper})
        fragments += [file.read_text(encoding="utf-8") for file in sorted(folder.glob("paper-*.tex"))]
        assert all(("table*" in fragment) == (width == "two") for fragment in fragments[-2:])
    assert tex.faults("ACL", fragments, tmp_path) == []
    assert tex.faults("article", fragments[2:], tmp_path) == []
