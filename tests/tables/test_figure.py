"""One name, one colour and marker in all panels; any number of names."""

from pathlib import Path

import pytest
from made_up import cell
from matplotlib.figure import Figure

from prunegrid.report.figure import plot_tradeoff
from prunegrid.tables import flat
from prunegrid.tables.build import make_tables
from prunegrid.tables.options import TableOptions

ANSWERS = [1.0, 0.0] * 20
NAMES = ["uniform", "constant", "hierarchical", *(f"own-{i:02d}" for i in range(27))]


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures of strategies, of which the first benchmark lacks one and the second another."""
    cells = [
        cell(strategy, ANSWERS, benchmark=benchmark, ratio=ratio)
        for benchmark, missing in (("one", "uniform"), ("two", "constant"))
        for strategy in ("none", *NAMES)
        for ratio in ([0.0] if strategy == "none" else [0.5, 0.75])
        if strategy != missing
    ]
    for table in make_tables(cells, [], TableOptions(replicates=100)):
        (tmp_path / f"{table.kind}.csv").write_text(flat.render(table))
    drawn: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: drawn.append(self) or save(self, *a, **k))
    plot_tradeoff(tmp_path, tmp_path)
    return drawn


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
    assert box.height < figure.bbox.height
    assert box.width < 0.7 * figure.bbox.width
