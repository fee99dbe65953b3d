"""Draw with Matplotlib in a style of our own, and write a figure as SVG and PNG."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from prunegrid.files import atomic_path

# Okabe and Ito's palette, safe for colour-blind readers; a line has the marker of its colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F5F3F", "#6A3D9A", "#808080")
MARKERS = "osD^vPX<>"
# The same bytes whenever it is drawn, and text that can be read and searched.
_SVG: dict[RcKeyType, Any] = {"svg.hashsalt": "prunegrid", "svg.fonttype": "none"}

# Inches and points of figures that a page shows 364 px wide on a phone: their text is 9 px or more there.
PHONE_WIDTH, PHONE_TEXT = 5.0, 9
# Inches of a legend's handle with its margins, and of a letter in it.
_HANDLE, _LETTER = 0.5, 0.078
# Of budgets, from dark to light: no name has them.
_DARK, _LIGHT = (0.07, 0.15, 0.23), (0.55, 0.68, 0.80)
PHONE_STYLE: dict[RcKeyType, Any] = {
    "font.size": PHONE_TEXT,
    "axes.titlesize": PHONE_TEXT,
    "legend.fontsize": PHONE_TEXT,
    "xtick.labelsize": PHONE_TEXT,
    "ytick.labelsize": PHONE_TEXT,
    "axes.axisbelow": True,
}


def budget_colour(place: int, n_budgets: int) -> tuple[float, float, float]:
    """Return the colour of one of so many budgets, as (red, green, blue): the lower, the darker."""
    part = place / max(1, n_budgets - 1)
    red, green, blue = ((1 - part) * dark + part * light for dark, light in zip(_DARK, _LIGHT, strict=True))
    return red, green, blue


def legend_columns(names: Sequence[str]) -> int:
    """Return in how many columns of a legend these names fit beside each other on a phone."""
    longest = max((len(name) for name in names), default=0)
    return max(1, min(4, int(PHONE_WIDTH / (_HANDLE + _LETTER * longest))))


@contextmanager
def own_style(style: Mapping[RcKeyType, Any]) -> Iterator[None]:
    """Draw with Matplotlib's defaults and some settings; those of the user, such as LaTeX, do not count."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_SVG, **style})
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
        # Laid out once: both are the same picture.
        figure.set_layout_engine("none")
    return written
