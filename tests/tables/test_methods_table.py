"""The methods table: averages against plain loops, and what is compared with what."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from prunegrid.findings import of_methods
from prunegrid.tables import latex
from prunegrid.tables.build import compared, make_tables
from prunegrid.tables.cells import RowKey
from prunegrid.tables.method_effects import REFERENCE, UPSIDE_DOWN
from prunegrid.tables.methods_table import in_brief, printed, write_methods
from prunegrid.tables.options import TableOptions
from tests.docs.pages import codes, section, tables
from tests.tables.made_up import cell

BENCHMARKS = {"small": 60, "large": 150}
BUDGETS = (0.5, 0.75)
TOLD = {"title": "T", "paper": "arXiv 0000.00000", "strategy": "single", "differs": "Somewhat."}
METHODS = {
    "good": {**TOLD, "criterion": "norm"},
    "poor": {**TOLD, "criterion": "norm"},
    "leaver": {**TOLD, "criterion": None},
    "drawn": {**TOLD, "criterion": "random"},
}
OPTIONS = TableOptions(
    replicates=2000, methods=METHODS, reference_method="drawn", budgets=[(0.5, "32 tokens")]
)
# What is right of the easiest samples.
RIGHT = {
    ("none", "none"): 0.9,
    ("good", "good"): 0.88,
    ("good", "good-reversed"): 0.4,
    ("poor", "poor"): 0.6,
    ("poor", "poor-reversed"): 0.6,
    ("leaver", "none"): 0.7,
    ("drawn", "drawn"): 0.65,
}
GRID = {("hierarchical", "attention"): 0.8, ("hierarchical", "norm"): 0.7, ("single", "attention"): 0.75}


class Scores:
    """Scores of cells by benchmark and row, and the cells."""

    def __init__(self, *, grid: bool = False, methods: bool = True) -> None:
        generator = np.random.default_rng(5)
        self.of, self.cells = {}, []
        rows = {**RIGHT, **GRID}
        for benchmark, n in BENCHMARKS.items():
            hard = generator.random(n)
            for row, right in rows.items():
                for ratio in BUDGETS if row[0] != "none" else (0.0,):
                    seeds = 3 if row[0] == "drawn" else 1
                    luck = generator.random((seeds, n))
                    scores = (0.8 * hard + 0.2 * luck < right - 0.1 * ratio).astype(float)
                    self.of[benchmark, (*row, ratio)] = scores
                    wanted = row[0] == "none" or (methods if row in RIGHT else grid)
                    for seed in range(seeds if wanted else 0):
                        self.cells.append(
                            cell(
                                row[0],
                                scores[seed].tolist(),
                                benchmark=benchmark,
                                criterion=row[1],
                                ratio=ratio,
                                seed=seed,
                            )
                        )

    def kept(self, *row) -> float:
        """Score / unpruned score, mean over benchmarks."""
        none = ("none", "none", 0.0)
        return float(np.mean([self.of[b, row].mean() / self.of[b, none].mean() for b in BENCHMARKS]))


@pytest.fixture(scope="module")
def scores():
    return Scores()


@pytest.fixture(scope="module")
def made(scores):
    return compared(scores.cells, [], OPTIONS)


def test_blocks_are_budgets_and_the_unpruned_model_is_on_top(made):
    assert [block.heading for block in made.methods.blocks] == [
        "no pruning, and the floors",
        "32 tokens (ratio 0.5)",
        "ratio 0.75",
    ]
    assert [row.label for row in made.methods.blocks[0].rows] == ["none"]
    names = ["good", "good-reversed", "poor", "poor-reversed", "leaver", "drawn"]
    assert [[row.label for row in block.rows] for block in made.methods.blocks[1:]] == [names, names]


def test_averages_are_those_of_plain_loops(scores, made):
    for key, effect in made.method_effects.items():
        row = (key.strategy, key.criterion, key.ratio)
        assert effect.value == pytest.approx(scores.kept(*row))
        assert effect.low < effect.value < effect.high
        for kind, other in ((REFERENCE, ("drawn", "drawn")), (UPSIDE_DOWN, (row[0], f"{row[0]}-reversed"))):
            if kind in effect.differences:
                expected = scores.kept(*row) - scores.kept(*other, key.ratio)
                assert effect.differences[kind].value == pytest.approx(expected)


def test_who_is_compared_with_whom(made):
    compared_with = {
        (key.strategy, key.criterion): set(effect.differences) for key, effect in made.method_effects.items()
    }
    assert compared_with == {
        ("good", "good"): {REFERENCE, UPSIDE_DOWN},
        ("good", "good-reversed"): set(),
        ("poor", "poor"): {REFERENCE, UPSIDE_DOWN},
        ("poor", "poor-reversed"): set(),
        ("leaver", "none"): {REFERENCE},
        ("drawn", "drawn"): set(),
    }


@pytest.mark.parametrize("kind", [REFERENCE, UPSIDE_DOWN])
def test_p_is_corrected_over_all_methods_and_budgets(made, kind):
    tested = [effect for effect in made.method_effects.values() if kind in effect.differences]
    expected = multipletests([effect.differences[kind].p for effect in tested], method="holm")[1]
    assert [effect.p_holm[kind] for effect in tested] == pytest.approx(expected)
    assert len(tested) == {REFERENCE: 6, UPSIDE_DOWN: 4}[kind]


def test_a_ranking_that_tells_something_is_told_from_itself_reversed(made):
    told = {
        key.strategy: effect.p_holm[UPSIDE_DOWN] < 0.05
        for key, effect in made.method_effects.items()
        if UPSIDE_DOWN in effect.differences
    }
    assert told == {"good": True, "poor": False}
    said = of_methods.sentences(made.methods, made.method_effects)
    (upside_down,) = [text for text in said if text.startswith("ratio 0.75") and "reversed" in text]
    assert upside_down.startswith("ratio 0.75, average kept, to itself reversed: more: good (+")
    assert "not told: poor (" in upside_down


def test_an_average_over_draws_is_inferred_over_draws(scores):
    """The interval of what is drawn is wider than that of its images alone."""
    fixed = [replace(c, seed=0) for c in scores.cells if c.strategy != "drawn" or c.seed == 0]
    one = compared(fixed, [], OPTIONS).method_effects[RowKey("drawn", "drawn", 0.5)]
    many = compared(scores.cells, [], OPTIONS).method_effects[RowKey("drawn", "drawn", 0.5)]
    assert many.value == pytest.approx(scores.kept("drawn", "drawn", 0.5))
    assert many.high - many.low > one.high - one.low


def test_grid_tables_and_averages_stay_as_without_methods():
    both, alone = Scores(grid=True), Scores(grid=True, methods=False)
    with_methods, without = (
        compared(both.cells, [], OPTIONS),
        compared(alone.cells, [], TableOptions(replicates=2000)),
    )
    for one, other in zip(with_methods.tables, without.tables, strict=True):
        assert [(b.heading, [r.key for r in b.rows]) for b in one.blocks] == [
            (b.heading, [r.key for r in b.rows]) for b in other.blocks
        ]
        assert one.families == other.families
    assert [(e.axis, e.name, e.n_rows) for e in with_methods.effects] == [
        (e.axis, e.name, e.n_rows) for e in without.effects
    ]
    assert with_methods.effects
    assert without.methods is None
    assert not without.method_effects
    assert make_tables(alone.cells, [], OPTIONS)[0].kind == "strategy"


def test_the_printed_table(made):
    shown = printed(made.methods, made.method_effects, made.averaged)
    assert shown.columns[:2] == ["method", "image tokens a layer"]
    average = ["kept, % of unpruned", "to drawn, points", "to itself reversed, points"]
    assert shown.groups[-1] == ("average", average)
    lines = {line.fields[0].main: line for _, block in shown.blocks[:2] for line in block}
    assert lines["unpruned"].fields[-3].main == "100.0"
    assert lines["drawn"].fields[-2].main == "reference"
    assert lines["good-reversed"].quiet
    assert not lines["good"].quiet
    width = len(shown.columns) + sum(len(names) for _, names in shown.groups)
    assert {len(line.fields) for line in lines.values()} == {width}
    assert "good: T (arXiv 0000.00000), single x norm. Differs: Somewhat." in shown.notes
    assert "leaver: T (arXiv 0000.00000), single. Differs: Somewhat." in shown.notes


def test_the_latex_is_as_papers_print_it(made):
    shown = printed(made.methods, made.method_effects, made.averaged)
    brief = in_brief(shown, made.methods.benchmarks)
    assert brief.groups == [("score", ["small", "large"]), shown.groups[-1]]
    for (_, lines), (_, brief_lines) in zip(shown.blocks, brief.blocks, strict=True):
        for line, own in zip(lines, brief_lines, strict=True):
            n = len(shown.columns)
            assert own.fields[:n] == line.fields[:n]
            values = [line.fields[n].main, line.fields[n + 2].main]
            assert [(field.main, field.below) for field in own.fields[n:-3]] == [(v, ()) for v in values]
            averages = [(field.main, field.mark, field.below[:1]) for field in line.fields[-3:]]
            assert [(field.main, field.mark, field.below) for field in own.fields[-3:]] == averages
    # Two panels of 7 and more columns: a page in any case.
    assert latex.render(brief).count(r"\begin{table") <= 2


def test_without_reversed_rows_there_is_no_column_for_them(scores):
    upright = [c for c in scores.cells if not c.criterion.endswith("-reversed")]
    own = compared(upright, [], OPTIONS)
    shown = printed(own.methods, own.method_effects, own.averaged)
    assert shown.groups[-1][1] == ["kept, % of unpruned", "to drawn, points"]
    assert not any(note.startswith("Reversed") for note in shown.notes)


def test_what_is_out_of_reach_is_a_dash_with_its_reason(scores):
    lost = [{"strategy": "good", "criterion": "good", "ratio": 0.5, "reason": "good cannot serve it"}]
    cells = [c for c in scores.cells if (c.criterion, c.ratio) != ("good", 0.5)]
    own = compared(cells, lost, OPTIONS)
    assert [row.label for row in own.methods.blocks[1].rows][:3] == ["good", "good-reversed", "poor"]
    shown = printed(own.methods, own.method_effects, own.averaged)
    (line,) = [line for line in shown.blocks[1][1] if line.fields[0].main == "good"]
    assert line.fields[0].tip == "good cannot serve it"
    assert {field.main for field in line.fields[1:]} == {"–"}  # noqa: RUF001
    assert "– good: good cannot serve it." in shown.notes  # noqa: RUF001


def test_the_csv_has_the_columns_that_are_documented(made, tmp_path):
    write_methods(made.methods, made.method_effects, made.averaged, tmp_path)
    frame = pd.read_csv(tmp_path / "methods.csv", keep_default_na=False, na_values=[""])
    (rows,) = tables(section("interface.md", "methods.csv"))
    own = [name for row in rows for name in codes(row[0])]
    assert [name for name in frame if name in own] == own
    assert not [name for name in frame if name.endswith(("_best", "_best_group"))]
    good = frame[(frame.method == "good") & (frame.ratio == 0.5)].iloc[0]
    effect = made.method_effects[RowKey("good", "good", 0.5)]
    assert (good.kept, good.kept_low) == pytest.approx((effect.value, effect.low))
    assert good.to_reversed_p_holm == pytest.approx(effect.p_holm[UPSIDE_DOWN])
    assert frame[frame.reversed].method.tolist() == ["good-reversed", "poor-reversed"] * 2
    assert {file.suffix for file in tmp_path.iterdir()} == {".csv", ".md", ".tex", ".html"}
