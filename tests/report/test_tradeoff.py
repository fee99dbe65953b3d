"""One name, one colour and marker in all panels; any number of names."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from prunegrid.report.compute_axis import compute_axis
from prunegrid.report.tradeoff import _set_score_axis, pareto_front, plot_tradeoff
from tests.report.phone import smallest_on_a_phone
from tests.tables.made_up import cell

ANSWERS = [1.0, 0.0] * 20
NAMES = ["uniform", "constant", "hierarchical", *(f"own-{i:02d}" for i in range(27))]


@pytest.fixture
def drawn(figures_of):
    """A function that draws the figures of cells, and returns them."""
    return lambda cells: figures_of(plot_tradeoff, cells)


@pytest.fixture
def figures(drawn) -> list[Figure]:
    """Figures of strategies, of which the first benchmark lacks one and the second another."""
    cells = [
        cell(strategy, ANSWERS, benchmark=benchmark, ratio=ratio)
        for benchmark, missing in (("one", "uniform"), ("two", "constant"))
        for strategy in ("none", *NAMES)
        for ratio in ([0.0] if strategy == "none" else [0.5, 0.75])
        if strategy != missing
    ]
    return drawn(cells)


def costing(
    strategy: str, criterion: str, total: float, ratio: float = 0.5, benchmark: str = "b", scores=ANSWERS
):
    compute = {"tflops_published": 1.0, "tflops_total": total, "ratio_achieved": ratio}
    return cell(strategy, scores, criterion=criterion, ratio=ratio, benchmark=benchmark, compute=compute)


def test_small_differences_of_compute_look_small(drawn) -> None:
    cells = [costing("none", "none", 1.0, 0.0)]
    cells += [costing("hierarchical", "attention", 0.604), costing("hierarchical", "norm", 0.6)]
    for figure in drawn(cells):
        low, high = figure.axes[0].get_xlim()
        assert low < 0.6
        assert 1.0 < high < 1.1
        assert " ".join(figure.axes[0].get_xlabel().split()) == "total compute, % of unpruned"


def test_an_axis_is_not_zoomed_into_where_hardly_anything_is_removed(drawn) -> None:
    cells = [costing("none", "none", 1.0, 0.0), costing("hierarchical", "attention", 0.999, 0.001)]
    low, high = drawn(cells)[0].axes[0].get_xlim()
    assert high - low > 0.2


def test_a_logarithmic_axis_says_so_in_all_panels_and_has_ticks(drawn) -> None:
    cells = [
        costing(strategy, criterion, total, 0.0 if strategy == "none" else 0.5, benchmark)
        for benchmark, gradient in (("one", 1.4), ("two", 1.6))
        for strategy, criterion, total in (
            ("none", "none", 1.0),
            ("hierarchical", "attention", 0.9),
            ("hierarchical", "gradient", gradient),
        )
    ]
    strategies, criteria = (figure.axes for figure in drawn(cells)[::2])
    for panel in criteria:
        assert panel.get_xscale() == "log"
        assert " ".join(panel.get_xlabel().split()) == "total compute, % of unpruned (log scale)"
        low, high = panel.get_xlim()
        assert low < 0.9 < 1.6 < high
        assert sum(low <= tick <= high for tick in panel.get_xticks()) >= 2
    assert {panel.get_xscale() for panel in strategies} == {"linear"}


def test_the_front_holds_what_nothing_beats_at_as_little_compute() -> None:
    points = [(0.5, 40.0), (0.5, 60.0), (0.7, 60.0), (0.7, 55.0), (0.6, 50.0), (0.9, 80.0), (1.0, 79.0)]
    assert pareto_front(points) == [(0.5, 60.0), (0.9, 80.0)]
    assert pareto_front([]) == []


def test_the_front_leaves_out_what_needs_the_answer(drawn) -> None:
    cells = [costing("none", "none", 1.0, 0.0)]
    cells += [costing("hierarchical", "attention", 0.6, scores=[1.0, 0.0, 0.0, 0.0] * 10)]
    cells += [replace(costing("hierarchical", "gradient", 0.7), needs_answer=True)]
    _, criteria = drawn(cells)[::2]
    (front,) = (line for line in criteria.axes[0].get_lines() if line.get_label() == "Pareto front")
    assert front.get_xdata().tolist() == [0.6, 1.0]


def test_styles_agree_between_panels_and_with_the_legend(figures: list[Figure]) -> None:
    figure = figures[0]
    legend = figure.legends[0]
    shown = {
        text.get_text(): {(handle.get_color(), handle.get_marker())}
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    assert {*shown} == {*NAMES, "unpruned"}
    for panel in figure.axes:
        for line in panel.get_lines():
            if line.get_label() in shown:
                shown[line.get_label()].add((line.get_color(), line.get_marker()))
    assert all(len(styles) == 1 for styles in shown.values())
    assert len({style for styles in shown.values() for style in styles}) == len(NAMES) + 1


def test_the_legend_fits_its_figure(figures: list[Figure]) -> None:
    figure = figures[0]
    box = figure.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert 0 <= box.y0 < box.y1 <= figure.bbox.height + 1
    assert not any(box.overlaps(panel.get_window_extent()) for panel in figure.axes)


def test_an_axis_ends_where_points_far_from_each_other_do(drawn) -> None:
    cells = [costing("none", "none", 1.0, 0.0, scores=[1.0] * 40)]
    for total, ratio in ((0.62, 0.5), (0.75, 0.3)):
        cells += [costing("hierarchical", name, total, ratio) for name in ("attention", "norm")]
    for figure in drawn(cells):
        low, high = figure.axes[0].get_xlim()
        assert 0.6 < low < 0.62
        assert 0.75 < high < 0.8
    (front,) = (line for line in figure.axes[0].get_lines() if line.get_label() == "Pareto front")
    assert max(front.get_xdata()) <= high


def far(gradients=(2.8, 3.8)):
    """Return cells of which a criterion costs far more than the others."""
    cells = [costing("none", "none", 1.0, 0.0)]
    for ratio, total, gradient in ((0.7, 0.65, gradients[0]), (0.5, 0.8, gradients[1])):
        for criterion, cost in (("attention", total), ("norm", total + 0.01), ("gradient", gradient)):
            cells.append(costing("hierarchical", criterion, cost, ratio))
    return cells


def test_the_few_that_cost_far_more_stand_in_a_strip_and_squeeze_nothing(drawn) -> None:
    _, figure = drawn(far())[::2]
    panel = figure.axes[0]
    (gradient,) = (line for line in panel.get_lines() if line.get_label() == "gradient")
    assert len(set(gradient.get_xdata())) == 1
    low, high = panel.get_xlim()
    assert (0.81 - 0.65) / (high - low) > 0.6
    assert 0.81 < gradient.get_xdata()[0] < high
    ticks = {
        round(tick, 6): label.get_text()
        for tick, label in zip(panel.get_xticks(), panel.get_xticklabels(), strict=True)
    }
    assert ticks[round(gradient.get_xdata()[0], 6)] == "280\nto 380"
    assert panel.get_xscale() == "linear"


def test_no_line_crosses_the_break() -> None:
    axis = compute_axis([0.6, 0.62, 0.7, 0.75, 0.78, 0.8, 3.0])
    assert [axis.is_beyond(x) for x in (0.6, 0.8, 3.0)] == [False, False, True]
    assert axis.place(0.7) == 0.7
    assert axis.end < axis.place(3.0)


@pytest.mark.parametrize(
    ("shares", "log"),
    [
        ([0.6, 0.7, 0.8], False),
        # Half of them are dear: a strip would hide what the figure is of.
        ([0.6, 0.8, 3.0, 3.5], True),
        # No gap: they go on from one another.
        ([0.5, 0.7, 1.0, 1.4, 2.0, 2.8], True),
        ([], False),
    ],
)
def test_without_few_far_points_there_is_no_strip(shares: list[float], log: bool) -> None:
    axis = compute_axis(shares)
    assert axis.beyond == float("inf")
    assert axis.log == log
    assert all(axis.low <= share <= axis.high for share in shares)


def test_a_low_floor_is_named_and_squeezes_nothing(drawn) -> None:
    high = [1.0] * 38 + [0.0] * 2
    cells = [costing("none", "none", 1.0, 0.0, scores=high), costing("blind", "none", 0.2, 0.0)]
    cells += [costing("hierarchical", "attention", 0.6, scores=high)]
    panel = drawn(cells)[0].axes[0]
    assert panel.get_ylim()[0] > 60
    assert [text.get_text() for text in panel.texts] == ["blind: 50.0 ↓"]


@pytest.mark.parametrize("cells", [far(), [*far(), costing("single", "a-name-of-some-letters", 0.7)]])
def test_text_has_nine_pixels_on_a_phone(drawn, tmp_path, cells) -> None:
    drawn(cells)
    for name in ("strategy", "criterion"):
        assert smallest_on_a_phone(tmp_path / f"{name}.svg") >= 9


def test_a_value_without_limits_is_drawn() -> None:
    """Captions of which every draw failed but one have a mean, and no interval."""
    panel = Figure().subplots()
    _set_score_axis(panel, [50.0, float("nan"), 60.0], None)
    low, high = panel.get_ylim()
    assert low < 50 < 60 < high
