"""Which cells share a job. Imports no torch."""

from collections import Counter
from collections.abc import Callable, Sequence

from prunegrid.study.grid import Cell

# What a bundle of several benchmarks is called.
MIXED = "mixed"


def bundle_cells(
    cells: Sequence[Cell], most: int, n_jobs: Callable[[str], int] = lambda benchmark: 1
) -> dict[str, list[Cell]]:
    """Divide the cells of one model among bundles.

    A benchmark with more cells than a bundle takes is cut into bundles of like size. The others are kept
    whole, as their cells share images and layers, and several go into one bundle as far as it takes them,
    for they share at least the process and the model. The largest goes first, each to the bundle with fewest
    cells so far: bundles are few and even, if not always the fewest.

    Parameters
    ----------
    cells : sequence of Cell
        Those of a benchmark stay in this order.
    most : int
        Most cells of a bundle.
    n_jobs : callable
        Benchmark -> parallel jobs of its bundles; a bundle's benchmarks have it in common.

    Returns
    -------
    dict
        Name -> cells: `{benchmark}-0000`, or `mixed-0000` for those of several benchmarks.
    """
    own: dict[str, list[Cell]] = {}
    for cell in cells:
        own.setdefault(cell.benchmark, []).append(cell)
    alike: dict[int, list[list[Cell]]] = {}
    for benchmark, some in own.items():
        alike.setdefault(n_jobs(benchmark), []).extend(_cut(some, most))
    found: dict[str, list[Cell]] = {}
    numbers = Counter[str]()
    for pieces in alike.values():
        for bundle in _pack(pieces, most):
            benchmarks = {piece[0].benchmark for piece in bundle}
            name = MIXED if len(benchmarks) > 1 else benchmarks.pop()
            found[f"{name}-{numbers[name]:04d}"] = [cell for piece in bundle for cell in piece]
            numbers[name] += 1
    return found


def _cut(cells: list[Cell], most: int) -> list[list[Cell]]:
    n_pieces = -(-len(cells) // most)
    size = -(-len(cells) // n_pieces)
    return [cells[start : start + size] for start in range(0, len(cells), size)]


def _pack(pieces: Sequence[list[Cell]], most: int) -> list[list[list[Cell]]]:
    """Return bundles of pieces: the largest first, each to the bundle that has fewest cells so far."""
    largest_first = sorted(range(len(pieces)), key=lambda at: -len(pieces[at]))
    for n_bundles in range(-(-sum(map(len, pieces)) // most), len(pieces) + 1):
        bundles: list[list[int]] = [[] for _ in range(n_bundles)]
        sizes = [0] * n_bundles
        for at in largest_first:
            emptiest = sizes.index(min(sizes))
            bundles[emptiest].append(at)
            sizes[emptiest] += len(pieces[at])
        if max(sizes) <= most:
            break
    return [[pieces[at] for at in bundle] for bundle in sorted(map(sorted, bundles))]
