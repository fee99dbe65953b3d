"""Places of kept tokens, against counting them one by one."""

import numpy as np
import pandas as pd
import pytest

from prunegrid.scoring.positions import cell_positions, token_places

LAYERS = 8
METADATA = {"n_layers": LAYERS, "schedule": [[1, 0.5], [3, 0.25]]}


def table(samples: list[tuple[list[list[int]], list[int]]], errors: int = 0) -> pd.DataFrame:
    rows = [{"token_depth": np.array(d), "image_grids": g, "status": "ok"} for g, d in samples]
    rows += [{"token_depth": np.array([]), "image_grids": [], "status": "error"}] * errors
    return pd.DataFrame(rows)


def drawn(n: int, grids: list[list[int]], generator: np.random.Generator) -> tuple:
    return grids, generator.choice([1, 3, LAYERS], size=n).tolist()


def test_tokens_of_a_square_picture_go_row_by_row() -> None:
    row, column = token_places(6, ((1, 2, 3),))
    np.testing.assert_allclose(row, [0.25] * 3 + [0.75] * 3)
    np.testing.assert_allclose(column, [1 / 6, 3 / 6, 5 / 6] * 2)
    # Four patches to a token, two pictures.
    row, _ = token_places(4 + 2, ((1, 4, 4), (1, 2, 4)))
    np.testing.assert_allclose(row, [0.25, 0.25, 0.75, 0.75, 0.5, 0.5])


@pytest.mark.parametrize(
    ("n", "grids"),
    [
        (0, ()),
        (5 * 576, ((5, 24, 24),)),  # tiles
        (2144, ((1, 48, 48),)),  # with ends of lines
        (577, ((1, 24, 24),)),  # with a class token
        (4, ((1, 3, 4),)),  # no whole number of patches by a side
        (2, ((1, 2, 4),) * 2),  # eight patches to a token
        (4, ()),
    ],
)
def test_no_place_is_made_up_where_tokens_are_no_plain_grid(n: int, grids: tuple) -> None:
    assert token_places(n, grids) is None


def test_means_and_maps_are_those_of_counting() -> None:
    generator = np.random.default_rng(0)
    samples = [drawn(12, [[1, 3, 4]], generator) for _ in range(9)]
    found = cell_positions(table(samples, errors=2), METADATA)
    for name, least in (("first_cut", 3), ("kept", LAYERS)):
        means, counts = [], np.zeros((3, 4))
        for _, depth in samples:
            kept = [number for number, layers in enumerate(depth) if layers >= least]
            means.append([sum((k // 4 + 0.5) / 3 for k in kept) / len(kept)])
            means[-1] += [sum((k % 4 + 0.5) / 4 for k in kept) / len(kept)]
            means[-1] += [sum((k + 0.5) / 12 for k in kept) / len(kept)]
            for k in kept:
                counts[k // 4, k % 4] += 1
        expected = np.mean(means, axis=0)
        for axis, value in zip(("row", "column", "position"), expected, strict=True):
            assert found[f"{name}_{axis}_mean"] == pytest.approx(value)
        np.testing.assert_allclose(found["map"][name], counts / 9, atol=1e-4)
    assert (found["map"]["rows"], found["map"]["columns"], found["map"]["samples"]) == (3, 4, 9)


def test_no_preference_is_a_half() -> None:
    whole = table([([[1, 4, 4]], [LAYERS] * 16), ([[1, 2, 8]], [LAYERS] * 16)])
    for schedule in ([], [[1, 1.0]]):
        found = cell_positions(whole, {"n_layers": LAYERS, "schedule": schedule})
        assert {v for k, v in found.items() if k != "map"} == {0.5}
        assert ("map" in found) == bool(schedule)


def test_pictures_of_several_sizes_share_a_map() -> None:
    generator = np.random.default_rng(1)
    sizes = [(40, 50), (16, 16), (2, 2)]
    found = cell_positions(table([drawn(r * c, [[1, r, c]], generator) for r, c in sizes]), METADATA)["map"]
    assert (found["rows"], found["columns"]) == (16, 16)
    assert 0 < np.mean(found["kept"]) < 1
    alone = cell_positions(table([drawn(4, [[1, 2, 2]], generator), ([[1, 2, 3]], [8] * 6)]), METADATA)["map"]
    assert alone["kept"][0][0] is None  # no patch of theirs has its centre there


def test_nothing_is_said_of_survivors_where_there_are_none() -> None:
    gone = cell_positions(table([([[1, 2, 2]], [0] * 4)]), {"n_layers": LAYERS, "schedule": [[0, 0.0]]})
    assert {*gone} == {"map"}
    assert np.sum(gone["map"]["kept"]) == 0
    assert cell_positions(table([], errors=1), METADATA) == {}
    tiles = cell_positions(table([([[2, 1, 2]], [LAYERS, 1, 1, 1])]), METADATA)
    assert tiles == {"first_cut_position_mean": 0.125, "kept_position_mean": 0.125}
