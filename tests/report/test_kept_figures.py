"""Schedules, tokens in common and answers in common: what the figures show is what the cells hold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from prunegrid.report.agreement import plot_agreement
from prunegrid.report.overlap import plot_overlap, read_overlaps
from prunegrid.report.schedules import COLUMNS, plot_schedules
from prunegrid.report.setting import setting
from prunegrid.tables.options import TableOptions
from tests.report.kept_cells import written


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    figures: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: figures.append(self) or save(self, *a, **k))
    return figures


def test_overlap_is_what_both_keep_of_what_the_first_keeps(tmp_path: Path) -> None:
    cuts = [[2, 0.5], [4, 0.25]]
    # Four tokens: two are dropped before layer 2, one more before layer 4; the error row counts nowhere.
    one = [[8, 4, 2, 2], None, [2, 2, 8, 4]]
    other = [[8, 2, 4, 2], [8, 4, 2, 2], [4, 8, 2, 2]]
    cells = [
        written(tmp_path, one, cuts, criterion="one"),
        written(tmp_path, other, cuts, criterion="other"),
        # A later seed is not read.
        written(tmp_path, [[2, 2, 4, 8]] * 3, cuts, criterion="other", seed=1),
    ]
    criteria, (first, last) = read_overlaps(reversed(cells))
    assert sorted(criteria) == ["one", "other"]
    assert (first.layer, first.share, last.layer, last.share) == (2, 0.5, 4, 0.25)
    # Samples 0 and 2: of two tokens one and none are common, of one token one and none.
    np.testing.assert_allclose(first.common, [[1, 0.25], [0.25, 1]])
    np.testing.assert_allclose(last.common, [[1, 0.5], [0.5, 1]])


def test_overlap_is_a_mean_over_benchmarks_that_have_both(tmp_path: Path) -> None:
    cuts = [[2, 0.5]]
    cells = [
        written(tmp_path, [[8, 2]] * count, cuts, criterion=criterion, benchmark=benchmark)
        for benchmark, count in (("small", 1), ("large", 3))
        for criterion in ("one", "same")
    ]
    cells[-1] = written(tmp_path, [[2, 8]] * 3, cuts, criterion="same", benchmark="large")
    cells.append(written(tmp_path, [[8, 2]], cuts, criterion="lacking", benchmark="small"))
    criteria, (only,) = read_overlaps(cells)
    assert criteria == ["one", "same"]
    assert only.common[0, 1] == 0.5


def test_overlap_equals_sets_sample_by_sample(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    depths = {
        name: [random.permutation([2] * (n // 2) + [8] * (n - n // 2)).tolist() for n in (3, 7, 10, 4)]
        for name in "abc"
    }
    cells = [written(tmp_path, rows, [[2, 0.5]], criterion=name) for name, rows in depths.items()]
    criteria, (only,) = read_overlaps(cells)
    for row, first in enumerate(criteria):
        for column, second in enumerate(criteria):
            shares = []
            for one, other in zip(depths[first], depths[second], strict=True):
                kept, also = ({i for i, depth in enumerate(d) if depth > 2} for d in (one, other))
                shares.append(len(kept & also) / len(kept))
            assert only.common[row, column] == pytest.approx(np.mean(shares))


def test_the_overlap_figure_has_a_panel_a_cut_of_the_reference_at_its_highest_ratio(
    tmp_path: Path, saved: list[Figure]
) -> None:
    cells = [
        written(
            tmp_path, [[8, 2, 1, 1]], [[1, 0.5], [2, 0.25]], criterion=criterion, ratio=ratio, strategy=name
        )
        for name, ratio in (("hierarchical", 0.5), ("hierarchical", 0.7), ("uniform", 0.9))
        for criterion in ("one", "other")
    ]
    files = plot_overlap(cells, tmp_path, TableOptions())
    assert [file.name for file in files] == ["overlap.svg", "overlap.png"]
    assert saved[0].get_suptitle() == "Kept tokens in common: hierarchical, ratio 0.7"
    assert [panel.get_title("left") for panel in saved[0].axes] == [
        "after the cut before layer 1; 50 % by chance",
        "after the cut before layer 2; 25 % by chance",
    ]
    assert {text.get_text() for text in saved[0].axes[0].texts} == {"100"}


def test_without_two_criteria_the_overlap_figure_says_so(tmp_path: Path, saved: list[Figure]) -> None:
    plot_overlap([written(tmp_path, [[8, 2]], [[2, 0.5]])], tmp_path)
    assert "fewer than two criteria" in saved[0].axes[0].texts[0].get_text()


def test_schedules_are_drawn_and_listed_once_each(tmp_path: Path, saved: list[Figure]) -> None:
    cells = [
        written(tmp_path, [None, [8, 8, 3, 3]], [[3, 0.5]], strategy="single", criterion=criterion)
        for criterion in ("one", "other")
    ]
    for seed, layer in enumerate((2, 4, 2)):
        cells.append(written(tmp_path, [[8, layer]], [[layer, 0.5]], strategy="random", seed=seed))
    cells.append(written(tmp_path, [[8, 8]], [], strategy="none", ratio=0.0))
    svg, png, table = plot_schedules(cells, tmp_path)
    rows = pd.read_csv(table)
    assert tuple(rows.columns) == COLUMNS
    assert rows.to_numpy().tolist() == [
        ["single", 0.5, 0, 8, 4, 3, 0.5, 2],
        ["random", 0.5, 0, 8, 2, 2, 0.5, 1],
        ["random", 0.5, 1, 8, 2, 4, 0.5, 1],
    ]
    (panel,) = saved[0].axes
    heights = [line.get_ydata().tolist() for line in panel.get_lines()]
    assert heights == [[100] * 3 + [50] * 6, [100] * 2 + [50] * 7, [100] * 4 + [50] * 5]
    assert [text.get_text() for text in saved[0].legends[0].get_texts()] == ["single", "random"]
    assert svg.is_file()
    assert png.is_file()


def test_a_study_without_ratios_has_a_figure_that_says_so(tmp_path: Path, saved: list[Figure]) -> None:
    plot_schedules([written(tmp_path, [[8]], [], strategy="none", ratio=0.0)], tmp_path)
    assert saved[0].axes[0].texts[0].get_text() == "no strategy of this study has a ratio"


def test_the_setting_tells_names_options_and_schedules(tmp_path: Path) -> None:
    cells = [
        written(tmp_path, [[8, layer]], [[layer, 0.5]], strategy="late <b>", seed=seed)
        for seed, layer in enumerate((2, 4))
    ]
    plot_schedules(cells, tmp_path)
    told = {
        "name": "late <b>",
        "plugin": "single",
        "options": {"layer": 2},
    }
    text = setting({"strategies": [told], "criteria": []}, tmp_path / "schedules.csv")
    assert "late &lt;b&gt;<small>single, layer: 2</small>" in text
    assert "One cut before one layer: FastV&#x27;s shape (arXiv 2403.06764). a = 1 before layer K" in text
    assert "<td>2 drawn: 2: 1; 4: 1</td><td>2</td>" in text
    assert "Criteria" not in text


def test_agreement_is_that_of_the_changes_table(study, saved: list[Figure], tmp_path: Path) -> None:
    strategies, *_ = plot_agreement(study.tables, tmp_path)
    assert strategies.name == "agreement-strategy.svg"
    changes = pd.read_csv(study.tables / "changes.csv", keep_default_na=False, na_values=[""])
    row = changes[(changes["strategy"] == "uniform") & (changes["criterion"] == "attention")].iloc[0]
    panel = next(axes for axes in saved[0].axes if axes.get_title("left") == "easy")
    names = [label.get_text() for label in panel.get_yticklabels()]
    drawn = {
        (round(line.get_ydata()[0]), round(line.get_xdata()[0], 6))
        for line in panel.get_lines()
        if len(line.get_xdata()) == 1
    }
    assert (names.index("uniform"), round(100 * row["easy_agreement"], 6)) in drawn
