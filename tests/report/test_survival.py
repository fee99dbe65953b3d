"""Maps of surviving patches: from score files to a figure."""

import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from prunegrid.report.survival import plot_survival, read_maps
from prunegrid.tables.options import TableOptions
from tests.report.phone import smallest_on_a_phone


def cell(folder: Path, criterion: str, kept: list, ratio: float = 0.5, seed: int = 0, **changes) -> dict:
    path = folder / f"{criterion}-{ratio}-{seed}"
    path.mkdir()
    kept = np.array(kept, dtype=float)
    drawn = {
        "rows": len(kept),
        "columns": kept.shape[1],
        "samples": 4,
        "first_cut": np.ones_like(kept).tolist(),
    }
    drawn["kept"] = [[None if np.isnan(x) else x for x in line] for line in kept.tolist()]
    (path / "scores.json").write_text(json.dumps({"positions": {"map": drawn}}))
    axes = {"strategy": "hierarchical", "criterion": criterion, "ratio": ratio, "folder": str(path)}
    return {**axes, **changes}


def test_maps_are_means_over_cells_and_their_centres_are_the_survivors(tmp_path: Path) -> None:
    nothing = float("nan")
    cells = [
        cell(tmp_path, "random", [[0.5, 0.0], [0.0, nothing]]),
        cell(tmp_path, "random", [[0.5, 1.0], [0.0, nothing]], seed=1),
        cell(tmp_path, "other size", [[1.0]]),
        cell(tmp_path, "norm", [[0.0, 0.0], [0.0, 1.0]]),
    ]
    maps = {m.criterion: m for m in read_maps(cells)}
    assert [*maps] == ["random", "norm"]
    np.testing.assert_array_equal(maps["random"].shares["kept"], [[0.5, 0.5], [0.0, nothing]])
    assert maps["random"].centre("kept") == (0.25, 0.5)
    assert maps["norm"].centre("kept") == (0.75, 0.75)
    assert maps["norm"].centre("first_cut") == (0.5, 0.5)


def test_the_figure_shows_the_reference_strategy_at_the_highest_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [cell(tmp_path, f"c{k}", np.eye(3) * k / 10, ratio=0.9) for k in range(10)]
    cells += [cell(tmp_path, "low", np.eye(3)), cell(tmp_path, "else", np.eye(3), 0.95, strategy="uniform")]
    drawn: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: drawn.append(self) or save(self, *a, **k))
    files = plot_survival(cells, tmp_path)
    assert [file.name for file in files] == ["survival.svg", "survival.png"]
    panels = [panel for panel in drawn[0].axes if panel.get_images()]
    names = [panel.get_title().split("\n")[0] for panel in panels if "\n" in panel.get_title()]
    assert sorted(names) == sorted(f"c{k}" for k in range(10))
    assert len(panels) == 20
    assert smallest_on_a_phone(files[0]) >= 9
    assert any("% of samples" in panel.get_xlabel() for panel in drawn[0].axes)
    first = plot_survival(cells[:1], tmp_path)[0].read_bytes()
    assert plot_survival(cells[:1], tmp_path)[0].read_bytes() == first
    assert matplotlib.get_backend().lower() == "agg"


def test_without_a_grid_the_figure_says_so(tmp_path: Path) -> None:
    assert "no cell has image tokens in a plain grid" in plot_survival([], tmp_path)[0].read_text()


def test_of_two_matchings_that_of_shares_is_drawn(tmp_path: Path) -> None:
    """Cells of total compute are not read: their folder is nowhere."""
    share = [cell(tmp_path, "norm", np.eye(3), match="share")]
    total = [{**one, "match": "tflops_total", "folder": "nowhere"} for one in share]
    text = plot_survival([*share, *total], tmp_path, TableOptions(match=["share", "tflops_total"]))[
        0
    ].read_text()
    assert "hierarchical, ratio 0.5, equal share of tokens" in text
    assert ">norm<" in text
