"""Cells are read one by one: the numbers of reading all at once, in the memory of a few."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from prunegrid.statistics.clusters import Clusters
from prunegrid.tables.aligned_scores import AlignedScores, alike, same_answers
from prunegrid.tables.compare import Comparison
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

SAID = np.array(["yes", "no", None], dtype=object)


def ragged_cells() -> list:
    """Return cells in other orders, of fewer samples, with other images, errors and several seeds."""
    rng = np.random.default_rng(3)
    whole = pd.DataFrame(
        {"sample_id": [f"s{i}" for i in range(40)], "image_id": [f"i{i // 3}" for i in range(40)]}
    )
    cells = []
    for number, (strategy, seed) in enumerate(
        [
            ("none", 0),
            ("hierarchical", 0),
            ("uniform", 0),
            ("random", 0),
            ("random", 1),
            ("random", 2),
            ("blind", 0),
        ]
    ):
        samples = whole.iloc[rng.permutation(40)[: 40 - 3 * number]] if number > 1 else whole
        samples = samples.assign(
            score=np.where(rng.random(len(samples)) < 0.2, np.nan, rng.integers(0, 4, len(samples)) / 3),
            parsed_answer=SAID[rng.integers(0, 3, len(samples))],
        )
        if strategy == "uniform":
            samples.iloc[:5, 0] = [f"new{i}" for i in range(5)]
        if strategy == "blind":
            samples["image_id"] = None
        table = pa.Table.from_pandas(samples, preserve_index=False)
        cells.append(replace(cell(strategy, [1.0], seed=seed), load=table.select))
    return cells


def frames(cells: list) -> list[pd.DataFrame]:
    return [
        c.load(["sample_id", "image_id", "score", "parsed_answer"]).to_pandas().set_index("sample_id")
        for c in cells
    ]


def test_rows_are_those_of_holding_all_cells_at_once() -> None:
    cells = ragged_cells()
    held = frames(cells)
    ids = held[0].index
    for frame in held[1:]:
        ids = ids.append(frame.index.difference(ids, sort=False))
    samples = AlignedScores(cells, cells[0])
    assert list(samples.ids) == list(ids)
    images = held[0]["image_id"].reindex(ids)
    for frame in held[1:]:
        images = images.fillna(frame["image_id"].reindex(ids))
    wanted = Clusters.of(images)
    assert samples.clusters.count == wanted.count
    assert (samples.clusters.index == wanted.index).all()
    for own in ([0], [1], [2], [6], [3, 4, 5]):
        by_seed = pd.concat([held[number]["score"].reindex(ids) for number in own], axis=1)
        found = samples.scores([cells[number] for number in own])
        np.testing.assert_array_equal(found.score, by_seed.mean(axis=1))
        for number in own:
            said = held[number]["parsed_answer"].reindex(ids)
            read = samples.read(cells[number]).parsed_answer.to_pylist()
            assert read == [None if pd.isna(text) else text for text in said]


def test_agreement_is_that_of_joined_frames() -> None:
    cells = ragged_cells()
    samples = AlignedScores(cells, cells[0])
    theirs = frames(cells)[0]
    for number in (1, 2, 6):
        mine = frames(cells)[number]
        both = mine.join(theirs, rsuffix="_none").dropna(subset=["score", "score_none"])
        name = "parsed_answer"
        same = [a == b for a, b in zip(both[name].fillna(""), both[f"{name}_none"].fillna(""), strict=True)]
        found = same_answers(samples.read(cells[number]), samples.read(cells[0]))
        assert np.nanmean(found) == np.mean(same)
        assert (~np.isnan(found)).sum() == len(same)


def peak_of(n_cells: int, n_samples: int) -> int:
    """Return the most bytes that a comparison of `n_cells` pruned cells with the unpruned one held."""
    one = cell("none", [1.0, 0.0] * (n_samples // 2))
    others = [replace(one, strategy=f"s{number}", strategy_type="uniform") for number in range(n_cells)]
    tracemalloc.start()
    results = Comparison([one, *others], TableOptions(replicates=100), 100).results()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del results[one.row]
    assert len(results) == n_cells
    assert all(result.to_none.value == 0 and result.agreement == 1 for result in results.values())
    return peak


def test_memory_does_not_grow_with_the_number_of_cells() -> None:
    peak_of(1, 10)  # what is imported late
    few, many = peak_of(50, 2_000), peak_of(500, 2_000)
    # The scores of 450 more cells alone would take 7 MB.
    assert many - few < 3 * 2**20, (few, many)


def test_where_no_answer_is_read_nobody_agrees():
    """As with the scorers of lmms-eval, whatever was answered."""
    told, none = (pa.chunked_array([pa.array(one, pa.string())]) for one in (["a", None, "b"], [None] * 3))
    assert np.isnan(alike(none, none)).all()
    assert alike(told, none).tolist() == [0, 1, 0]
    assert alike(told, told).tolist() == [1, 1, 1]
