"""What is drawn of all samples, within the bounds of a page: thumbnails, and kept tokens ratio by ratio."""

from collections.abc import Sequence
from dataclasses import dataclass

from prunegrid.gallery.panels import panels
from prunegrid.gallery.samples import BenchmarkSamples, ShownSample
from prunegrid.gallery.thumbnails import is_fine, thumbnails

# Most characters of what is drawn of kept tokens: lower ratios are left out first, then samples.
MOST_DRAWN = 2_500_000


@dataclass(frozen=True)
class Drawings:
    """What is drawn of a sample.

    Attributes
    ----------
    thumbnail : bytes
        WebP; empty where there is none.
    fine : bool
        Whether it is full of fine detail, and shown large.
    panels : tuple of str
        HTML of its first comparisons, those of the highest ratio first.
    """

    thumbnail: bytes
    fine: bool
    panels: tuple[str, ...]


def drawings(
    everything: Sequence[tuple[BenchmarkSamples, ShownSample]], most: int = MOST_DRAWN
) -> tuple[list[Drawings], str]:
    """Return what is drawn of each sample, and a sentence on what is left out for size, or nothing.

    Parameters
    ----------
    everything : sequence of (BenchmarkSamples, ShownSample)
        Each sample with those of its benchmark.
    most : int
        Characters of HTML for kept tokens. Those of the highest ratio in the gallery are drawn in any case.
    """
    images = {str(n): one.image for n, (_, one) in enumerate(everything) if one.image is not None}
    pictures = thumbnails(images)
    # Ratio -> HTML of its comparisons, per sample.
    drawn = [_by_ratio(own, sample) for own, sample in everything]
    ratios = sorted({ratio for one in drawn for ratio in one}, reverse=True)
    fitting: list[float] = []
    held = 0
    for ratio in ratios:
        held += sum(len(html) for one in drawn for html in one.get(ratio, ()))
        if held > most:
            break
        fitting.append(ratio)
    found = []
    for number, ((_, sample), one) in enumerate(zip(everything, drawn, strict=True)):
        shown = fitting or (ratios[:1] if sample.in_gallery else [])
        html = tuple(html for ratio in shown for html in one.get(ratio, ()))
        fine = sample.image is not None and is_fine(sample.image)
        found.append(Drawings(pictures.get(str(number), b""), fine, html))
    return found, _left_out(ratios, fitting)


def _by_ratio(own: BenchmarkSamples, sample: ShownSample) -> dict[float, list[str]]:
    found: dict[float, list[str]] = {}
    if sample.layout is not None:
        for (what, _), html in zip(sample.drawn, panels(own, sample, sample.layout), strict=True):
            found.setdefault(what.ratio, []).append(html)
    return found


def _left_out(ratios: Sequence[float], fitting: Sequence[float]) -> str:
    if len(fitting) == len(ratios):
        return ""
    if not fitting:
        return (
            f"Kept tokens are drawn in the gallery alone, and at ratio {ratios[0]:.3f}: more would make this "
            "page too large."
        )
    others = ", ".join(f"{ratio:.3f}" for ratio in ratios[len(fitting) :])
    return f"Kept tokens at ratio {others} are left out: they would make this page too large."
