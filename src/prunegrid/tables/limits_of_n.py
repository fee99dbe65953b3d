"""What a benchmark's samples can and cannot tell, and how many would."""

from collections.abc import Iterable

import numpy as np

from prunegrid.statistics.power import clusters_to_exclude, loss_left_open, pairs_needed
from prunegrid.tables.blocks import Table
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.options import SCALE
from prunegrid.tables.signs import plain


def limits_of_n(table: Table, benchmark: str) -> Iterable[str]:
    """Yield one sentence; none where the table tests nothing on the benchmark.

    Parameters
    ----------
    table : Table
    benchmark : str
    """
    _, effect, _ = table.contrasts
    results = [row.results[benchmark] for row in table.rows if benchmark in row.results]
    tested = [d for r in results if (d := r.contrasts.get(effect)) is not None and np.isfinite(d.p)]
    fixed = [difference for difference in tested if not difference.n_draws]
    if not fixed or not table.families[effect]:
        return
    size, images = LEVEL / table.families[effect], max(result.n_images for result in results)
    margin, metric = table.options.margin(results[0].metric), results[0].metric
    open_loss = SCALE * loss_left_open(images)
    found = [SCALE * difference.detectable(size) for difference in fixed]
    found = [value for value in found if np.isfinite(value)]
    text = f"{benchmark}: what {images} images can tell. "
    if metric == "cider":
        yield text + _found(found, table.families[effect], "of CIDEr") + "."
        return
    text += (
        f"Where no answer changes, a loss of up to {plain(open_loss, 1)} points is not excluded; to exclude "
        f"{SCALE * margin:g} takes {clusters_to_exclude(margin)}. "
    )
    yield (
        text
        + _found(found, table.families[effect], "points, where answers change one way only and both ways")
        + f"; {SCALE * margin:g} takes {pairs_needed(margin, size)} or more."
    )


def _found(found: list[float], family: int, unit: str) -> str:
    if not found:
        return f"No true difference is found with a power of 80 % after correction (5 % / {family})"
    least, most = min(found), max(found)
    span = f"{least:.1f} to {most:.1f}" if most - least >= 0.05 else f"{least:.1f}"
    return (
        f"After correction (5 % / {family}, Holm's first step) a true difference is found with a power of "
        f"80 % from {span} {unit}"
    )
