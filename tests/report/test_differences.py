"""The plot of differences: what it must show, and legible on a phone."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from prunegrid.report.differences import plot_differences
from tests.findings.made_up import right
from tests.report.phone import smallest_on_a_phone
from tests.tables.made_up import cell

COUNTS = {"hierarchical": 150, "single": 190, "uniform": 149}


@pytest.fixture
def draw(figures_of):
    """A function that draws the figures of cells, and returns them."""
    return lambda cells: figures_of(plot_differences, cells)[::2]


def of(counts=COUNTS, benchmarks=("one", "two"), ratios=(0.5, 0.7)):
    cells = [cell("none", right(200), benchmark=name) for name in benchmarks]
    return cells + [
        cell(strategy, right(count), benchmark=name, ratio=ratio)
        for name in benchmarks
        for ratio in ratios
        for strategy, count in counts.items()
    ]


def points(panel):
    """Return (value, filled) of the points of a panel."""
    lines = [
        line for line in panel.get_lines() if len(line.get_xdata()) == 1 and line.get_marker() in "osD^v"
    ]
    return [(float(line.get_xdata()[0]), line.get_markerfacecolor() != "white") for line in lines]


def test_a_panel_per_benchmark_has_a_point_per_row_and_budget(draw) -> None:
    strategies, _ = draw(of())
    assert [panel.get_title("left") for panel in strategies.axes] == ["one", "two"]
    assert [text.get_text() for text in strategies.axes[0].get_yticklabels()] == ["single", "uniform"]
    for panel in strategies.axes:
        assert points(panel) == [(20.0, True), (-0.5, False)] * 2
        low, high = panel.get_xlim()
        assert low < 0 < 20 < high


def test_the_reference_the_budgets_and_the_marks_are_explained(draw) -> None:
    strategies, _ = draw(of())
    (legend,) = strategies.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:2] == ["ratio 0.5", "ratio 0.7"]
    assert any("p < 0.05 after Holm" in text for text in texts)
    assert strategies.get_suptitle() == "Difference to hierarchical, criterion attention"
    assert not any(
        legend.get_window_extent().overlaps(panel.get_window_extent()) for panel in strategies.axes
    )


def test_text_has_nine_pixels_on_a_phone(study, draw) -> None:
    draw(of())
    for kind in ("strategy", "criterion"):
        assert smallest_on_a_phone(study.figures / f"differences-{kind}.svg") >= 9


def test_long_names_stay_on_the_figure(draw, tmp_path) -> None:
    draw(of({"hierarchical": 150, "a-strategy-with-quite-a-long-name": 160}))
    with Image.open(tmp_path / "differences-strategy.png") as image:
        grey = np.asarray(image.convert("L"))
    assert (grey[:, :3] == 255).all()
    assert (grey[:, -3:] == 255).all()
    assert (grey < 128).any()


def test_a_wide_interval_is_cut_and_says_so(draw) -> None:
    cells = of(benchmarks=("one",), ratios=(0.5,))
    cells += [
        cell("random", right(count), benchmark="one", seed=seed, draws_schedule=True)
        for seed, count in enumerate((20, 199))
    ]
    (panel,) = draw(cells)[0].axes
    assert "<" in [line.get_marker() for line in panel.get_lines()]
    assert panel.get_xlim()[0] > -100


def test_nothing_to_compare_is_drawn_without_fault(draw) -> None:
    strategies, criteria = draw([cell("none", right(200)), cell("single", right(100))])
    assert not points(strategies.axes[0])
    assert not points(criteria.axes[0])


def test_rows_keep_their_places_where_a_benchmark_lacks_one(draw) -> None:
    cells = [one for one in of() if (one.strategy, one.benchmark) != ("single", "two")]
    names = [text.get_text() for text in draw(cells)[0].axes[0].get_yticklabels()]
    assert names == ["single", "uniform"]
    assert pd.Series(names).is_unique
