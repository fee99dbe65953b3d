"""Simulate what the tables' intervals cover and how often their tests reject; figures of docs/definitions.md.

    PYTHONPATH=src:. python perf/coverage.py [trials]

About three minutes for 4,000 trials on one core. Short versions are tests (tests/statistics/).
"""

import sys

import numpy as np
from scipy import stats

from prunegrid.statistics.two_way import two_way
from tests.statistics.drawn_worlds import drawn_differences, power_at_detectable
from tests.statistics.fixed_worlds import KINDS, fixed_power_at_detectable
from tests.statistics.table_limits import table_limits

IMAGES = 100


def hillis(by_seed: np.ndarray) -> bool:
    """Return whether an interval with Satterthwaite's degrees of freedom, as Hillis has them, covers 0."""
    found, seeds = two_way(by_seed, np.ones_like(by_seed)), by_seed.shape[1]
    variance = found.of_seeds + found.of_clusters
    degrees = (seeds - 1) * (variance / found.of_seeds) ** 2 if found.of_seeds else np.inf
    return bool(abs(found.value) <= stats.t.ppf(0.975, degrees) * variance**0.5)


def pigeonhole(by_seed: np.ndarray, generator: np.random.Generator, replicates: int = 200) -> bool:
    """Return whether the percentiles of Owen's bootstrap cover 0: images and seeds resampled, each apart."""
    images, seeds = by_seed.shape
    rows = generator.multinomial(images, np.full(images, 1 / images), replicates)
    columns = generator.multinomial(seeds, np.full(seeds, 1 / seeds), replicates)
    means = ((rows @ by_seed) * columns).sum(axis=1) / (images * seeds)
    low, high = np.quantile(means, [0.025, 0.975])
    return bool(low <= 0 <= high)


def drawn_rows(trials: int) -> None:
    """Print coverage of a true mean of 0 over images and drawn seeds."""
    print(f"\ndrawn rows, {IMAGES} images, {trials} trials: share of intervals that cover the true mean")
    print("seeds spread  tables  Hillis  pigeonhole  images alone")
    generator = np.random.default_rng(0)
    for seeds in (3, 5, 10):
        for spread in (0.0, 0.03, 0.1, 0.2):
            covered = []
            for _ in range(trials):
                by_seed = drawn_differences(generator, IMAGES, seeds, spread)
                found = two_way(by_seed, np.ones_like(by_seed))
                alone = 1.96 * by_seed.mean(axis=1).std(ddof=1) / IMAGES**0.5
                covered.append(
                    [
                        abs(found.value) <= found.half_width(),
                        hillis(by_seed),
                        pigeonhole(by_seed, generator),
                        abs(found.value) <= alone,
                    ]
                )
            print(f"{seeds:5} {spread:6} " + "".join(f"{share:10.3f}" for share in np.mean(covered, axis=0)))


def ends(trials: int) -> None:
    """Print coverage of values near 1, and how many intervals have no width."""
    print(f"\nvalues, {trials} trials: share of intervals that cover, and smallest width in points")
    print("    n  accuracy  covered  width")
    for n in (50, 100, 500):
        for accuracy in (0.95, 0.98, 0.99, 1.0):
            correct = np.random.default_rng(n).random((n, trials)) < accuracy
            low, high = table_limits(correct.astype(float), np.arange(n))
            covered = ((low <= accuracy) & (accuracy <= high)).mean()
            print(f"{n:5} {accuracy:9} {covered:8.3f} {100 * (high - low).min():6.1f}")


def powers() -> None:
    """Print how often the loss is found that is said to be found in 80 %, by rows over drawn seeds."""
    print(f"\nloss that drawn rows are said to find in 80 %, {IMAGES} images; how often they do, 1500 trials")
    print("seeds spread    loss  power    loss  power at 5 % / 100")
    generator = np.random.default_rng(0)
    for seeds in (3, 5, 10):
        for spread in (0.03, 0.1, 0.2):
            found = [power_at_detectable(generator, IMAGES, seeds, spread, size) for size in (0.05, 5e-4)]
            print(f"{seeds:5} {spread:6} " + "".join(f"{loss:8.3f} {power:6.3f}" for loss, power in found))


def fixed_powers(trials: int) -> None:
    """Print how often the loss is found that is said to be found in 80 %, by rows that nothing draws."""
    print(f"\nloss that fixed rows are said to find in 80 %; how often they do, {trials} trials")
    print("images  what changes beside it     loss  power    loss  power at 5 % / 250")
    generator = np.random.default_rng(0)
    for images in (100, 250, 1000):
        for kind in KINDS:
            found = [
                fixed_power_at_detectable(generator, kind, images, size, trials) for size in (0.05, 2e-4)
            ]
            print(
                f"{images:6}  {kind:22} " + "".join(f"{loss:8.3f} {power:6.3f}" for loss, power in found),
                flush=True,
            )


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    drawn_rows(wanted)
    ends(wanted)
    powers()
    fixed_powers(wanted)
