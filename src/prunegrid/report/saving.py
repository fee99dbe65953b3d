"""Draw with Matplotlib in a style of our own, and write a figure as SVG and PNG."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from prunegrid.files import atomic_path


@contextmanager
def own_style(style: Mapping[RcKeyType, Any]) -> Iterator[None]:
    """Draw with Matplotlib's defaults and some settings; those of the user, such as LaTeX, do not count."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(style)
        yield


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as SVG and PNG beside each other, the same bytes whenever it is drawn; return both."""
    written = []
    for ending in ("svg", "png"):
        target = path.with_suffix(f".{ending}")
        with atomic_path(target) as temporary:
            metadata = {"Date": None} if ending == "svg" else {"Software": None}
            figure.savefig(temporary, dpi=160, metadata=metadata)
        written.append(target)
    return written
