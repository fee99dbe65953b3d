"""What pruning changed, cell by cell and row by row, against plain loops, scipy and statsmodels."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from prunegrid.statistics.clusters import Clusters
from prunegrid.tables import build, changes_table, html, latex, markdown
from prunegrid.tables.build import compared
from prunegrid.tables.cells import read_cells, write_cells
from prunegrid.tables.changed_answers import LONGEST, MOST, TURNED, shortened, write_changed_answers
from prunegrid.tables.changes import CELL_COLUMNS
from prunegrid.tables.options import TableOptions
from prunegrid.tables.rates import means
from tests.tables import made_up

N = 150
OPTIONS = TableOptions(replicates=20_000)
LETTERS = ("A", "B", "C", None)
KEYS = [("none", 0), ("blind", 0), ("hierarchical", 0), ("random", 0), ("random", 1), ("random", 2)]
SHARES = ("agreement", *TURNED, "answerable_blind", "needs_image")


class World:
    """Answers, scores and probabilities of made-up cells, by strategy and seed; errors are None."""

    def __init__(self, images: list[str], errors: float = 0.08) -> None:
        generator = np.random.default_rng(4)
        self.images = images
        self.gold = [str(letter) for letter in generator.choice(["A", "B", "C"], N)]
        self.rows: dict[tuple[str, int], list[dict | None]] = {}
        self.cells = []
        for strategy, seed in KEYS:
            skill = {"none": 0.85, "blind": 0.4}.get(strategy, 0.6)
            rows: list[dict | None] = []
            for gold in self.gold:
                said = gold if generator.random() < skill else LETTERS[generator.integers(0, 4)]
                likely = generator.dirichlet([2, 1, 1])
                rows.append(
                    {
                        "said": said,
                        "text": f"I say {said}",
                        "score": float(said == gold),
                        "brier": float(((likely - [1, 0, 0]) ** 2).sum()),
                        "confidence": float(likely.max()),
                        "confident_correct": float(likely.argmax() == 0),
                    }
                    if generator.random() >= errors
                    else None
                )
            self.rows[strategy, seed] = rows
            self.cells.append(self._cell(strategy, seed, rows))

    def _cell(self, strategy: str, seed: int, rows: list):
        anchor = {"criterion": "none", "ratio": 0.0} if strategy in ("none", "blind") else {}
        plain = made_up.cell(
            strategy, [r and r["score"] for r in rows], seed=seed, images=self.images, **anchor
        )
        columns = {name: [r and r[name] for r in rows] for name in ("score", "brier", "confidence")}
        columns["confident_correct"] = [r and r["confident_correct"] for r in rows]
        columns["parsed_answer"] = [r and r["said"] for r in rows]
        ids = [f"s{i:05d}" for i in range(N)]
        samples = pa.table({"sample_id": ids, "image_id": self.images, **columns})
        predicted = pa.table(
            {
                "sample_id": ids,
                "answer": self.gold,
                "references": pa.nulls(N, pa.list_(pa.string())),
                "prediction": [r and r["text"] for r in rows],
            }
        )
        # Another order than the first cell's.
        order = list(range(N)) if strategy == "none" else list(range(N))[::-1]
        metrics = {**plain.scores["metrics"], "brier": {"value": 0.5, "low": 0.5, "high": 0.5}}
        return replace(
            plain,
            scores={**plain.scores, "metrics": metrics},
            load=samples.take(order).select,
            predictions=predicted.take(order).select,
        )

    def seeds(self, strategy: str) -> list[list]:
        return [rows for (name, _), rows in self.rows.items() if name == strategy]

    def pairs(self, strategy: str, seed: int) -> list[tuple[dict, dict, str]]:
        """Return unpruned row, row and gold answer of what both answered."""
        found = zip(self.rows["none", 0], self.rows[strategy, seed], self.gold, strict=True)
        return [(a, b, gold) for a, b, gold in found if a is not None and b is not None]

    def averaged(self, strategy: str, value, stratum=None) -> np.ndarray:
        """Return by sample the mean over seeds of value(unpruned row, row)."""
        found = []
        for number in range(N):
            none, blind = self.rows["none", 0][number], self.rows["blind", 0][number]
            if stratum is None and none is None:
                continue
            if stratum is not None and (blind is None or (blind["score"] >= 0.5) != stratum):
                continue
            known = [rows[number] for rows in self.seeds(strategy) if rows[number] is not None]
            if known:
                found.append(np.mean([value(none, row) for row in known]))
        return np.array(found)


SINGLE = [f"i{i:04d}" for i in range(N)]
SHARED = [f"i{i // 3:04d}" for i in range(N)]
VALUES = {
    "agreement": lambda none, row: none["said"] == row["said"],
    "right_to_wrong": lambda none, row: row["score"] < none["score"],
    "wrong_to_right": lambda none, row: row["score"] > none["score"],
    "brier_to_none": lambda none, row: row["brier"] - none["brier"],
}


def ece_of(rows: list[dict]) -> float:
    """Guo et al.'s sum over 15 bins, one row at a time."""
    total = 0.0
    for k in range(15):
        held = [r for r in rows if k / 15 < r["confidence"] <= (k + 1) / 15]
        if held:
            gap = sum(r["confidence"] - r["confident_correct"] for r in held) / len(held)
            total += len(held) / len(rows) * abs(gap)
    return total


@pytest.fixture(scope="module", params=[SINGLE, SHARED], ids=["single", "shared"])
def world(request) -> World:
    return World(request.param)


@pytest.fixture(scope="module")
def found(world, tmp_path_factory):
    """Return the folder of cells.csv, changes.csv, changed_answers.csv and strategy.csv."""
    folder = tmp_path_factory.mktemp("changes")
    made = compared(world.cells, [], OPTIONS)
    changes = made.comparisons["b"].changes
    write_cells(world.cells, folder / "cells.csv", changes.columns_of)
    write_changed_answers([line for cell in world.cells for line in changes.lines_of(cell)], folder)
    changes_table.write_changes(made.maker.by_budget(), made.tables[0], folder)
    build.write_table(made.tables[0], folder)
    return folder


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, keep_default_na=False, na_values=[""])


def test_cells_have_shares_counts_and_differences(world, found) -> None:
    cells = read(found, "cells.csv").set_index(["strategy", "seed"])
    for key in KEYS[1:]:
        pairs, row = world.pairs(*key), cells.loc[key]
        assert row.n_compared == len(pairs)
        assert row.agreement == pytest.approx(sum(a["said"] == b["said"] for a, b, _ in pairs) / len(pairs))
        for name, sign in (("right_to_wrong", -1), ("wrong_to_right", 1)):
            count = sum(sign * (b["score"] - a["score"]) > 0 for a, b, _ in pairs)
            assert row[f"n_{name}"] == count
            assert row[name] == pytest.approx(count / len(pairs))
        brier = sum(b["brier"] - a["brier"] for a, b, _ in pairs) / len(pairs)
        assert row.brier_to_none == pytest.approx(brier)
        assert row.brier_to_none_low < brier < row.brier_to_none_high
        ece = ece_of([b for _, b, _ in pairs]) - ece_of([a for a, _, _ in pairs])
        assert row.ece_to_none == pytest.approx(ece)
    of_none = cells.loc["none", 0]
    assert of_none[["n_compared", "agreement", "right_to_wrong", "brier_to_none", "ece_to_none"]].isna().all()
    assert of_none.needs_image > 0
    assert cells.loc["blind", 0][["needs_image", "n_needs_image"]].isna().all()


def test_strata_of_cells(world, found) -> None:
    cells = read(found, "cells.csv").set_index(["strategy", "seed"])
    for key in (KEYS[0], *KEYS[2:]):
        for name, guessed in (("answerable_blind", True), ("needs_image", False)):
            both = zip(world.rows["blind", 0], world.rows[key], strict=True)
            held = [b["score"] for a, b in both if a and b and (a["score"] >= 0.5) == guessed]
            assert cells.loc[key][f"n_{name}"] == len(held)
            assert cells.loc[key][name] == pytest.approx(np.mean(held))


def test_rows_are_averaged_over_seeds_for_each_sample(world, found) -> None:
    rows = read(found, "changes.csv").set_index("strategy")
    for strategy in ("blind", "hierarchical", "random"):
        row = rows.loc[strategy]
        for name, value in VALUES.items():
            wanted = world.averaged(strategy, value)
            assert row[f"b_{name}"] == pytest.approx(wanted.mean()), name
            assert row[f"b_{name}_low"] < wanted.mean() < row[f"b_{name}_high"]
        assert row.b_n_compared == len(world.averaged(strategy, VALUES["agreement"]))
        seeds = world.seeds(strategy)
        assert row.b_ece == pytest.approx(np.mean([ece_of([r for r in own if r]) for own in seeds]))
        numbers = range(len(seeds))
        gaps = [[ece_of([p[i] for p in world.pairs(strategy, s)]) for i in (1, 0)] for s in numbers]
        assert row.b_ece_to_none == pytest.approx(np.mean([mine - theirs for mine, theirs in gaps]))
        all_rows = zip(*seeds, strict=True)
        briers = [np.mean([r["brier"] for r in own if r]) for own in all_rows if any(own)]
        assert row.b_brier == pytest.approx(np.mean(briers))
        if strategy != "blind":
            for name, guessed in (("answerable_blind", True), ("needs_image", False)):
                held = world.averaged(strategy, lambda _, r: r["score"], guessed)
                assert row[f"b_{name}"] == pytest.approx(held.mean())
                assert row[f"b_n_{name}"] == len(held)


def test_net_is_the_difference_of_the_other_tables_exactly(found) -> None:
    rows = read(found, "changes.csv").set_index("strategy")
    others = read(found, "strategy.csv").set_index("strategy")
    for strategy in ("blind", "hierarchical", "random"):
        assert rows.b_to_none[strategy] == others.b_to_none[strategy]
        net = rows.b_wrong_to_right[strategy] - rows.b_right_to_wrong[strategy]
        # Scores of 0 and 1, and seeds averaged for each sample, errors of some or not.
        assert rows.b_to_none[strategy] == pytest.approx(net, abs=1e-12)


def test_agreement_and_flips_are_those_of_the_other_tables(found) -> None:
    rows, others = (read(found, f"{kind}.csv").set_index("strategy") for kind in ("changes", "strategy"))
    for name in ("agreement", *TURNED, "needs_image", "answerable_blind"):
        for strategy in ("hierarchical", "random"):
            assert rows.loc[strategy, f"b_{name}"] == others.loc[strategy, f"b_{name}"]


@pytest.mark.parametrize("world", [SINGLE], ids=["single"], indirect=True)
def test_intervals_of_shares_are_wilsons_where_each_image_has_one_sample(found, world) -> None:
    rows = read(found, "cells.csv").set_index(["strategy", "seed"])
    for key in KEYS[2:]:
        for name in SHARES:
            row = rows.loc[key]
            n = row.get(f"n_{name}", row.n_compared) if name in SHARES[3:] else row.n_compared
            wanted = proportion_confint(round(row[name] * n), n, method="wilson")
            assert [row[f"{name}_low"], row[f"{name}_high"]] == pytest.approx(wanted, abs=1e-6)


def test_intervals_of_brier_differences_resample_images(found, world) -> None:
    rows = read(found, "cells.csv").set_index(["strategy", "seed"])
    images = np.array(world.images)
    for key in KEYS[2:4]:
        both = zip(world.rows["none", 0], world.rows[key], strict=True)
        changes = np.array([b["brier"] - a["brier"] if a and b else np.nan for a, b in both])
        grouped = pd.Series(changes).groupby(images)
        sums, counts = grouped.sum().to_numpy(), grouped.count().to_numpy()
        limits = stats.bootstrap(
            (sums, counts),
            lambda s, c, axis: s.sum(axis=axis) / c.sum(axis=axis),
            paired=True,
            vectorized=True,
            method="percentile",
            n_resamples=20_000,
            batch=500,
            rng=1,
        ).confidence_interval
        row = rows.loc[key]
        assert [row.brier_to_none_low, row.brier_to_none_high] == pytest.approx([*limits], abs=0.003)


@pytest.mark.parametrize("true", [0.02, 0.5])
def test_intervals_of_shares_cover_them_where_images_have_several_samples(true: float) -> None:
    generator = np.random.default_rng(0)
    clusters = Clusters.of(np.repeat(np.arange(60), 4).astype(str))
    covered = 0
    for _ in range(400):
        # Half of the images answer alike.
        of_image = np.repeat(generator.random(60) < true, 4)
        alike = np.repeat(generator.random(60) < 0.5, 4)
        values = np.where(alike, of_image, generator.random(240) < true).astype(float)
        low, high = means({"x": values[:, None]}, clusters)["x"].share_limits()
        covered += low <= true <= high
    assert covered / 400 > 0.93


def test_an_interval_of_a_share_is_open_where_nothing_changed() -> None:
    clusters = Clusters.of(np.repeat(np.arange(20), 2).astype(str))
    found = means({"no": np.zeros((40, 1)), "none": np.full((40, 1), np.nan)}, clusters)
    low, high = found["no"].share_limits()
    assert (low, high) == (0.0, pytest.approx(proportion_confint(0, 20, method="wilson")[1], abs=1e-6))
    assert found["none"].n == 0
    assert math.isnan(found["none"].value)
    assert all(map(math.isnan, found["none"].share_limits()))


def test_changed_answers_are_the_most_frequent_pairs_with_a_text(found, world) -> None:
    lines = read(found, "changed_answers.csv")
    for key in KEYS[1:]:
        for turned, sign in (("right_to_wrong", -1), ("wrong_to_right", 1)):
            numbered = zip(world.rows["none", 0], world.rows[key], world.gold, strict=True)
            changed = [
                (i, a, b, (a["said"], b["said"], gold))
                for i, (a, b, gold) in enumerate(numbered)
                if a and b and sign * (b["score"] - a["score"]) > 0
            ]
            counts = Counter(pair for *_, pair in changed)
            own = lines[(lines.strategy == key[0]) & (lines.seed == key[1]) & (lines.turned == turned)]
            assert len(own) == min(MOST, len(counts))
            assert [*own["count"]] == sorted(counts.values(), reverse=True)[: len(own)]
            for line in own.itertuples():
                said = tuple(
                    None if pd.isna(text) else text
                    for text in (line.unpruned_answer, line.pruned_answer, line.gold)
                )
                assert line.count == counts[said]
                assert line.share == pytest.approx(counts[said] / len(changed))
                i, before, after, _ = next(one for one in changed if one[3] == said)
                assert (line.sample_id, line.unpruned_text, line.pruned_text) == (
                    f"s{i:05d}",
                    before["text"],
                    after["text"],
                )


def test_the_most_frequent_change_of_a_row_counts_all_its_seeds(found, world) -> None:
    row = read(found, "changes.csv").set_index("strategy").loc["random"]
    counts: Counter = Counter()
    for seed in range(3):
        for before, after, gold in world.pairs("random", seed):
            if after["score"] < before["score"]:
                counts[before["said"], after["said"], gold] += 1
    most = max(counts.values())
    assert row.b_right_to_wrong_most_share == pytest.approx(most / counts.total())
    to = row.b_right_to_wrong_most_to
    pair = (row.b_right_to_wrong_most_from, None if pd.isna(to) else to)
    assert pair in [key[:2] for key, count in counts.items() if count == most]


NASTY = "<script>alert(1)</script> \\input{/etc/passwd}\n\u202e| b"


def nasty_cells() -> list:
    """Two cells of a benchmark whose answers are hostile."""
    made = []
    for strategy, said in (("none", NASTY), ("single", NASTY[::-1] + "x" * 500)):
        one = made_up.cell(strategy, [float(strategy == "none")] * 8)
        samples = pa.table(
            {**{n: one.load([n])[n] for n in ("sample_id", "image_id", "score")}, "parsed_answer": [said] * 8}
        )
        predicted = pa.table(
            {
                "sample_id": samples["sample_id"],
                "answer": pa.nulls(8, pa.string()),
                "references": [[NASTY, "b", NASTY]] * 8,
                "prediction": [said] * 8,
            }
        )
        made.append(replace(one, load=samples.select, predictions=predicted.select))
    return made


def test_texts_of_data_sets_are_escaped_and_cut(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(changes_table, "_LONGEST", 200)
    made = compared(nasty_cells(), [], TableOptions(replicates=100))
    shown = changes_table.printed(made.maker.by_budget(), made.tables[0])
    page, tex, md = html.render(shown), latex.render(shown), markdown.render(shown)
    assert "&lt;script&gt;alert" in page
    assert "<script" not in page
    assert r"\textless{}script\textgreater{}alert" in tex
    assert r"\textbackslash{}input\{/etc/passwd\}" in tex
    assert r"\input" not in tex
    assert r"\<script\>" in md
    assert "<script" not in md.replace(r"\<", "")
    assert r"\| b" in md
    assert not any("\u202e" in text for text in (page, tex, md))
    comparison = made.comparisons["b"]
    lines = [line for cell in nasty_cells() for line in comparison.changes.lines_of(cell)]
    write_changed_answers(lines, tmp_path)
    (line,) = read(tmp_path, "changed_answers.csv").itertuples()
    assert line.gold == shortened(NASTY)
    assert "\n" not in line.gold
    assert len(line.pruned_text) == LONGEST
    assert line.pruned_text.endswith("x…")


def test_tables_show_short_answers_of_one_line() -> None:
    made = compared(nasty_cells(), [], TableOptions(replicates=100))
    shown = changes_table.printed(made.maker.by_budget(), made.tables[0])
    below = [text for _, lines in shown.blocks for line in lines for f in line.fields for text in f.below]
    (change,) = [text for text in below if "→" in text]
    assert len(change) <= 2 * 20 + len(" → : 100 %")


@pytest.mark.parametrize(
    ("text", "longest", "wanted"),
    [
        (None, 5, None),
        ("a  b\n\tc", 5, "a b c"),
        ("abcde", 5, "abcde"),
        ("abcdef", 5, "abcd…"),
        ("abc def", 5, "abc…"),
        ("\u202e\x00", 5, ""),
    ],
)
def test_texts_are_cut_at_a_bound(text: str | None, longest: int, wanted: str | None) -> None:
    assert shortened(text, longest) == wanted


def test_captions_have_only_answers_that_changed() -> None:
    cells = [
        made_up.cell("none", [1.0, 0.4] * 20, "cider"),
        made_up.cell("blind", [0.0, 0.1] * 20, "cider", criterion="none", ratio=0.0),
        made_up.cell("single", [0.5, 0.4] * 20, "cider"),
    ]
    made = compared(cells, [], TableOptions(replicates=100))
    shown = changes_table.printed(made.maker.by_budget(), made.tables[0])
    assert shown.groups == [("b", ["answers changed, %"])]
    columns = made.comparisons["b"].changes.columns_of(cells[2])
    known = {name for name, value in columns.items() if value is not None}
    assert known == {"n_compared", "agreement", "agreement_low", "agreement_high"}
    assert tuple(columns) == CELL_COLUMNS
    assert not made.comparisons["b"].changes.lines_of(cells[2])


def test_a_benchmark_without_the_unpruned_or_the_blind_model_has_what_is_left() -> None:
    cells = [made_up.cell("single", [1.0, 0.0] * 20), made_up.cell("uniform", [1.0, 1.0] * 20)]
    made = compared(cells, [], TableOptions(replicates=100))
    assert not changes_table.printed(made.maker.by_budget(), made.tables[0]).groups
    assert set(made.comparisons["b"].changes.columns_of(cells[0]).values()) == {None}


def test_files_of_a_study_are_told_from_its_scores(study) -> None:
    cells = pd.read_csv(study.tables / "cells.csv")
    lines = read(study.tables, "changed_answers.csv")
    for scorer in ("presence", "letters", "easy"):
        row = cells[(cells.benchmark == scorer) & (cells.strategy == "uniform") & (cells.criterion == "norm")]
        row = row[row.ratio == 0.5].iloc[0]
        mine, none = (
            pd.read_parquet(study.folder / f"demo/{scorer}/{path}/seed-0/scores.parquet").set_index(
                "sample_id"
            )
            for path in ("uniform/norm/ratio-0.500", "none/none/ratio-0.000")
        )
        both = mine.score.notna() & none.score.notna()
        fell = (mine.score < none.score)[both]
        assert row.right_to_wrong == pytest.approx(fell.mean())
        assert row.agreement == pytest.approx((mine.parsed_answer == none.parsed_answer)[both].mean())
        own = lines[(lines.benchmark == scorer) & (lines.strategy == "uniform") & (lines.criterion == "norm")]
        own = own[(own.ratio == 0.5) & (own.turned == "right_to_wrong")]
        assert own["count"].sum() == fell.sum()
        assert not own[["unpruned_text", "pruned_text", "gold"]].isna().any(axis=None)
        if scorer == "easy":
            assert np.isnan(row.brier_to_none)


def test_rows_of_a_ratio_stand_in_one_block(study) -> None:
    table = read(study.tables, "changes.csv")
    assert [*dict.fromkeys(table.block)] == ["no pruning, and the floors", "ratio 0.5", "ratio 0.9"]
    assert not table.duplicated(["strategy", "criterion", "ratio"]).any()
    cells = {cell.row[:3] for cell in read_cells(study.cells)}
    assert set(table[["strategy", "criterion", "ratio"]].itertuples(index=False, name=None)) == cells
    page = (study.tables / "changes.html").read_text()
    assert "hierarchical x norm" in page
    assert "presence" in page
    assert "What pruning changed" in (study.folder / "report.html").read_text()
