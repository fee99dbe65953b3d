"""What these tests look at: a study, and figures that are drawn of cells."""

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from prunegrid.tables import flat
from prunegrid.tables.build import make_tables
from prunegrid.tables.options import TableOptions
from tests.tables.scored_study import study  # noqa: F401


@pytest.fixture
def figures_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that has a plot drawn of cells, and returns its figures, each as often as it is saved."""

    def drawn(plot: Callable, cells) -> list[Figure]:
        for table in make_tables(cells, [], TableOptions(replicates=100)):
            (tmp_path / f"{table.kind}.csv").write_text(flat.render(table))
        figures: list[Figure] = []
        save = Figure.savefig
        keep = lambda self, *a, **k: figures.append(self) or save(self, *a, **k)  # noqa: E731
        monkeypatch.setattr(Figure, "savefig", keep)
        plot(tmp_path, tmp_path)
        return figures

    return drawn
