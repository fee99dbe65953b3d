"""Which cells share a job."""

import random

from prunegrid.study.bundles import bundle_cells
from prunegrid.study.grid import Cell


def cells(**numbers: int) -> list[Cell]:
    """Return so many cells of each benchmark, in turns."""
    found = [
        Cell("m", benchmark, "uniform", "norm", 0.5, seed)
        for benchmark, number in numbers.items()
        for seed in range(number)
    ]
    return sorted(found, key=lambda cell: cell.seed)


def sizes(bundles: dict[str, list[Cell]]) -> dict[str, dict[str, int]]:
    return {
        name: {
            benchmark: sum(cell.benchmark == benchmark for cell in own) for benchmark in benchmarks_of(own)
        }
        for name, own in bundles.items()
    }


def benchmarks_of(own: list[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.benchmark for cell in own))


def test_benchmarks_that_fit_share_a_bundle() -> None:
    assert sizes(bundle_cells(cells(a=5, b=7, c=8, d=4), 24)) == {
        "mixed-0000": {"a": 5, "b": 7, "c": 8, "d": 4}
    }
    assert sizes(bundle_cells(cells(a=5, b=7, c=8, d=4), 12)) == {
        "mixed-0000": {"a": 5, "b": 7},
        "mixed-0001": {"c": 8, "d": 4},
    }


def test_a_benchmark_is_kept_whole_where_it_fits() -> None:
    # Two bundles would do for 21 cells, if one benchmark were cut.
    assert sizes(bundle_cells(cells(a=7, b=7, c=7), 12)) == {
        "a-0000": {"a": 7},
        "b-0000": {"b": 7},
        "c-0000": {"c": 7},
    }


def test_a_large_benchmark_is_cut_evenly() -> None:
    assert sizes(bundle_cells(cells(a=25, b=2), 10)) == {
        "a-0000": {"a": 9},
        "a-0001": {"a": 9},
        "mixed-0000": {"a": 7, "b": 2},
    }


def test_one_cell_a_bundle() -> None:
    assert sizes(bundle_cells(cells(a=2, b=1), 1)) == {
        "a-0000": {"a": 1},
        "a-0001": {"a": 1},
        "b-0000": {"b": 1},
    }


def test_benchmarks_of_other_parallel_jobs_stay_apart() -> None:
    found = bundle_cells(cells(a=2, b=2, c=2), 10, {"a": 1, "b": 4, "c": 1}.get)
    assert sizes(found) == {"mixed-0000": {"a": 2, "c": 2}, "b-0000": {"b": 2}}


def test_no_cells_make_no_bundle() -> None:
    assert bundle_cells([], 5) == {}


def test_every_cell_is_in_one_bundle_and_cells_keep_their_order() -> None:
    generator = random.Random(0)
    for _ in range(200):
        own = cells(**{name: generator.randint(0, 9) for name in "abcde"})
        most = generator.randint(1, 30)
        jobs = {name: generator.choice([1, 1, 2]) for name in "abcde"}
        found = bundle_cells(own, most, jobs.__getitem__)
        placed = [cell for bundle in found.values() for cell in bundle]
        assert sorted(placed, key=own.index) == own
        assert len(placed) == len(own)
        for name, bundle in found.items():
            assert 0 < len(bundle) <= most
            assert len({jobs[cell.benchmark] for cell in bundle}) == 1
            benchmarks = benchmarks_of(bundle)
            assert name[:-5] == ("mixed" if len(benchmarks) > 1 else benchmarks[0])
            for benchmark in benchmarks:
                places = [own.index(cell) for cell in bundle if cell.benchmark == benchmark]
                assert places == sorted(places)
                n_cells = sum(cell.benchmark == benchmark for cell in own)
                n_bundles = sum(benchmark in benchmarks_of(other) for other in found.values())
                assert n_bundles == -(-n_cells // most)
