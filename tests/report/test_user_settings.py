"""The user's own settings of Matplotlib neither keep figures from being drawn nor change them."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from prunegrid.report.saving import own_style
from tests.workflow.study import HOME

DRAW = """
import sys
from pathlib import Path
from prunegrid.report.survival import plot_survival
from tests.report.test_survival import cell
folder = Path(sys.argv[1])
folder.mkdir()
plot_survival([cell(folder, "norm", [[0.5, 0.25], [0.0, 1.0]])], folder)
"""
SETTINGS = """
text.usetex: True
font.size: 40
savefig.transparent: True
svg.fonttype: path
axes.facecolor: red
backend: TkAgg
"""


def draw(folder: Path, name: str, **environment: str) -> list[bytes]:
    """Return the figures that a job draws in a folder."""
    variables = {**os.environ, "PYTHONPATH": f"{HOME / 'src'}{os.pathsep}{HOME}", **environment}
    subprocess.run([sys.executable, "-c", DRAW, name], cwd=folder, check=True, env=variables)
    return [file.read_bytes() for file in sorted((folder / name).glob("survival.*"))]


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "no-such-backend"])
def test_figures_are_those_of_our_own_settings(tmp_path: Path, backend: str) -> None:
    plain = draw(tmp_path, "plain", MPLBACKEND="")
    assert len(plain) == 2
    (tmp_path / "matplotlibrc").write_text(SETTINGS)
    assert draw(tmp_path, "own", MPLBACKEND=backend) == plain


def test_settings_come_back() -> None:
    with mpl.rc_context({"font.size": 40}):
        with own_style({"font.size": 8}):
            assert mpl.rcParams["font.size"] == 8
        assert mpl.rcParams["font.size"] == 40
