"""Write a Matplotlib figure as SVG and PNG."""

from pathlib import Path

from matplotlib.figure import Figure

from prunegrid.files import atomic_path


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
