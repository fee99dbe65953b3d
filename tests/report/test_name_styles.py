"""One name, one colour and marker, whatever a figure shows of a study."""

import pytest

from prunegrid.report.name_styles import REFERENCE, NameStyles
from prunegrid.report.saving import budget_colour
from prunegrid.report.schedules import plot_schedules
from prunegrid.report.tradeoff import plot_tradeoff
from prunegrid.tables.options import TableOptions
from tests.report.kept_cells import written
from tests.tables.made_up import cell

STRATEGIES = ["hierarchical", "uniform", "constant", "random", "exit"]
CRITERIA = ["attention", "norm", "random", "gradient"]
OPTIONS = TableOptions(strategies=["none", *STRATEGIES], criteria=["none", *CRITERIA])


def test_names_differ_on_an_axis_by_colour_and_all_by_colour_and_marker() -> None:
    styles = NameStyles(OPTIONS)
    for axis in (STRATEGIES, CRITERIA):
        assert len({styles.of(name)[0] for name in axis}) == len(axis)
    others = {*STRATEGIES, *CRITERIA} - {"hierarchical", "attention"}
    assert len({styles.of(name) for name in others}) == len(others)
    assert styles.of("hierarchical") == styles.of("attention") == REFERENCE


def test_what_a_figure_lacks_changes_no_style() -> None:
    whole, part = NameStyles(OPTIONS), NameStyles(OPTIONS, ["exit"], ["gradient", "new"])
    assert all(whole.of(name) == part.of(name) for name in (*STRATEGIES, *CRITERIA))


@pytest.mark.parametrize(
    ("strategy", "criterion", "as_name"),
    [
        ("hierarchical", "attention", "hierarchical"),
        ("hierarchical", "gradient", "gradient"),
        ("uniform", "attention", "uniform"),
        ("exit", "none", "exit"),
    ],
)
def test_a_row_beside_a_reference_has_the_style_of_the_other_name(strategy, criterion, as_name) -> None:
    styles = NameStyles(OPTIONS)
    assert styles.of_row(strategy, criterion) == styles.of(as_name)


def test_a_row_of_two_names_has_the_colour_of_one_and_the_marker_of_the_other() -> None:
    styles = NameStyles(OPTIONS)
    assert styles.of_row("uniform", "norm") == (styles.of("uniform")[0], styles.of("norm")[1])


def test_figures_of_one_study_agree(figures_of, tmp_path) -> None:
    """Schedules and scores, each of which lacks a strategy that the other has."""
    scored = [cell("none", [1.0, 0.0] * 20)]
    scored += [cell(name, [1.0, 0.0] * 20) for name in STRATEGIES if name != "uniform"]
    figure = figures_of(lambda *at: plot_tradeoff(*at, OPTIONS), scored)[0]
    kept = [written(tmp_path, [[8, 2]], [[2, 0.5]], strategy=name) for name in STRATEGIES if name != "exit"]
    schedules = figures_of(lambda _, folder: plot_schedules(kept, folder, OPTIONS), scored)[0]
    drawn = [
        {
            line.get_label(): (line.get_color(), line.get_marker())
            for line in shown.axes[0].get_lines()
            if line.get_label() in STRATEGIES
        }
        for shown in (figure, schedules)
    ]
    common = drawn[0].keys() & drawn[1].keys()
    assert common == {"hierarchical", "constant", "random"}
    assert all(drawn[0][name] == drawn[1][name] for name in common)


def test_budgets_get_lighter() -> None:
    grey = [sum(budget_colour(place, 4)) for place in range(4)]
    assert grey == sorted(set(grey))
    assert sum(budget_colour(0, 1)) == grey[0]
