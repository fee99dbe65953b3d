"""Scorers: metrics, variants, errors, and the files they write."""

import json
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.errors import DataError
from prunegrid.plugins import build, names
from prunegrid.results.predictions import read
from prunegrid.scoring.answers import stated, yesno
from prunegrid.scoring.score import COLUMNS, CellFiles, score_cells, write_scores


def table(predictions: list[str | None], **columns: object) -> pd.DataFrame:
    n = len(predictions)
    base = {
        "sample_id": [f"s{i}" for i in range(n)],
        "image_id": [f"i{i // 2}" for i in range(n)],
        "choices": [None] * n,
        "answer": [None] * n,
        "references": [None] * n,
        "prediction": predictions,
        "choice_logits": [None] * n,
        "status": ["error" if text is None else "ok" for text in predictions],
    }
    return pd.DataFrame({**base, **columns})


def test_every_scorer_is_found_by_name() -> None:
    assert names("scorers") == [
        "aokvqa",
        "caption",
        "chair",
        "lmms_eval",
        "mcq",
        "pope",
        "refcoco",
        "scienceqa",
        "vqa",
    ]


def test_pope_against_counts_by_hand() -> None:
    said = ["Yes", "No", "maybe", "no", "Yes.", None, "yes", "No"]
    gold = ["yes", "yes", "no", "no", "no", "yes", "yes", "no"]
    ids = [f"{c}/{i}" for i, c in enumerate(["adversarial", "popular"] * 4)]
    scores = build("scorers", "pope").score(table(said, answer=gold, sample_id=ids), replicates=200)
    assert (scores.n, scores.n_error) == (8, 1)
    value = {name: metric["value"] for name, metric in scores.metrics.items()}
    # official: "maybe" is yes. TP 2, FP 2, FN 1, TN 2 of 7.
    assert value["accuracy"] == pytest.approx(4 / 7)
    assert value["precision"] == pytest.approx(2 / 4)
    assert value["recall"] == pytest.approx(2 / 3)
    assert value["f1"] == pytest.approx(4 / 7)
    assert value["yes_ratio"] == pytest.approx(4 / 7)
    assert value["accuracy_adversarial"] == pytest.approx(2 / 4)
    assert value["accuracy_popular"] == pytest.approx(2 / 3)
    assert value["accuracy_category_mean"] == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert scores.variants["accuracy"] == {
        "official": pytest.approx(4 / 7),
        "lmms": pytest.approx(4 / 7),
        "strict": pytest.approx(4 / 7),
        "stated": pytest.approx(4 / 7),
    }
    assert scores.variants["yes_ratio"]["lmms"] == pytest.approx(2 / 7)
    metric = scores.metrics["accuracy"]
    assert metric["low"] <= metric["value"] <= metric["high"]


RULES = {"official": yesno.official, "lmms": yesno.lmms, "strict": yesno.strict, "stated": stated.stated}
OUTPUTS = ["Yes", "No", "yes.", "NO", "no, there isn't", "There is a dog.", "", "It is not.", "Yes, no doubt"]


def counted(gold: list[str], said: list[str | None], unread_is_missed: bool = False) -> dict[str, float]:
    """POPE's metrics one row at a time; as published, what is neither yes nor no is no negative."""
    if unread_is_missed:
        said = [text or ("no" if g == "yes" else None) for g, text in zip(gold, said, strict=True)]
    right = sum(g == s for g, s in zip(gold, said, strict=True))
    hit, false_alarm, miss = (
        sum((g, s) == pair for g, s in zip(gold, said, strict=True))
        for pair in (("yes", "yes"), ("no", "yes"), ("yes", "no"))
    )
    precision = hit / (hit + false_alarm) if hit + false_alarm else 0.0
    recall = hit / (hit + miss) if hit + miss else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    yes = sum(s == "yes" for s in said)
    values = (right / len(gold), precision, recall, f1, yes / len(gold))
    return dict(zip(("accuracy", "precision", "recall", "f1", "yes_ratio"), values, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_pope_is_what_counting_gives_under_every_rule_and_category(seed: int) -> None:
    generator = np.random.default_rng(seed)
    outputs = generator.choice(OUTPUTS, 90).tolist()
    gold = generator.choice(["yes", "no"], 90).tolist()
    ids = [f"{c}/{i}" for i, c in enumerate(["adversarial", "popular", "random"] * 30)]
    scores = build("scorers", "pope").score(table(outputs, answer=gold, sample_id=ids), replicates=50)
    for variant, rule in RULES.items():
        said = [rule(text) for text in outputs]
        for name, value in counted(gold, said, unread_is_missed=variant in ("strict", "stated")).items():
            assert scores.variants[name][variant] == pytest.approx(value), (variant, name)
    said = [yesno.official(text) for text in outputs]
    assert {n: scores.metrics[n]["value"] for n in counted(gold, said)} == pytest.approx(counted(gold, said))
    by_category = {
        c: counted(gold[k::3], said[k::3]) for k, c in enumerate(["adversarial", "popular", "random"])
    }
    for category, values in by_category.items():
        for name, value in values.items():
            assert scores.metrics[f"{name}_{category}"]["value"] == pytest.approx(value)
    for name in counted(gold, said):
        mean = np.mean([values[name] for values in by_category.values()])
        assert scores.metrics[f"{name}_category_mean"]["value"] == pytest.approx(mean)


def test_an_output_that_says_neither_is_missed_by_strict_and_left_out_as_published() -> None:
    data = table(["Yes", "perhaps", "perhaps", "No"], answer=["yes", "yes", "no", "no"])
    scores = build("scorers", "pope").score(data, replicates=50)
    assert scores.variants["accuracy"] == {"official": 0.75, "lmms": 0.5, "strict": 0.5, "stated": 0.5}
    assert scores.variants["recall"] == {"official": 1.0, "lmms": 1.0, "strict": 0.5, "stated": 0.5}
    precision = scores.variants["precision"]
    assert precision == {"official": pytest.approx(2 / 3), "lmms": 1.0, "strict": 1.0, "stated": 1.0}
    assert scores.variants["f1"]["strict"] == pytest.approx(2 / 3)


def test_stated_reads_texts_that_the_published_rules_do_not() -> None:
    said = ["There is no cat? Yes", "No, there isn't... yes it is", "There isn't one.", "NO", "yes and no"]
    scores = build("scorers", "pope").score(
        table(said, answer=["yes", "yes", "no", "no", "no"]), replicates=50
    )
    assert scores.per_sample["correct_stated"].tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert scores.per_sample["correct_official"].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]


def test_choices_and_their_variants() -> None:
    data = table(["B", "b", "hot dog", None], answer=list("BBBB"), choices=[["cat", "hot dog"]] * 4)
    aokvqa = build("scorers", "aokvqa").score(data, replicates=50)
    assert aokvqa.variants["accuracy"] == {"letter": 1.0, "contains": pytest.approx(1 / 3)}
    assert build("scorers", "mcq").score(data, replicates=50).variants == aokvqa.variants
    scienceqa = build("scorers", "scienceqa").score(data, replicates=50)
    assert scienceqa.variants["accuracy"] == {
        "lmms": pytest.approx(2 / 3),
        "lmms_lowered": pytest.approx(2 / 3),
        "strict": pytest.approx(1 / 3),
        "llava": pytest.approx(1 / 3),
    }


def test_the_gold_margin_is_the_gold_logit_minus_the_best_other() -> None:
    data = table(
        ["A", "B"], answer=["A", "A"], choices=[["x", "y", "z"]] * 2, choice_logits=[[1.0, 3.0, 2.0], None]
    )
    scores = build("scorers", "aokvqa").score(data, replicates=50)
    np.testing.assert_array_equal(scores.per_sample["gold_margin"], [-2.0, np.nan])
    assert scores.metrics["gold_margin"]["value"] == -2.0


@pytest.mark.parametrize("scorer", ["mcq", "pope"])
def test_calibration_of_the_logits_is_that_of_their_softmax(scorer: str) -> None:
    logits = [[1.0, 3.0], [0.0, 0.0], [2.0, -1.0], None]
    gold = {"mcq": list("AABB"), "pope": ["yes", "yes", "no", "no"]}[scorer]
    choices = [["x", "y"]] * 4 if scorer == "mcq" else [None] * 4
    data = table(["A"] * 4, answer=gold, choices=choices, choice_logits=logits)
    scores = build("scorers", scorer).score(data, replicates=50)
    first = [1 / (1 + np.exp(b - a)) for a, b in logits[:3]]
    squares = [2 * (1 - first[0]) ** 2, 2 * (1 - first[1]) ** 2, 2 * first[2] ** 2]
    np.testing.assert_allclose(scores.per_sample["brier"], [*squares, np.nan])
    np.testing.assert_allclose(scores.per_sample["confidence"], [1 - first[0], 0.5, first[2], np.nan])
    np.testing.assert_array_equal(scores.per_sample["confident_correct"], [0.0, 1.0, 0.0, np.nan])
    assert scores.metrics["brier"]["value"] == pytest.approx(np.mean(squares))
    # Three bins of one row each.
    assert scores.metrics["ece"]["value"] == pytest.approx(((1 - first[0]) + 0.5 + first[2]) / 3)


def test_vqa_is_exact_or_soft_by_the_number_of_references() -> None:
    data = table(
        ["The red.", "red", "blue"],
        answer=["red", None, "red"],
        references=[None, ["red"] * 2 + ["blue"] * 8, None],
    )
    scores = build("scorers", "vqa").score(data, replicates=50)
    np.testing.assert_allclose(scores.per_sample["correct"], [1.0, 0.6, 0.0])
    assert scores.variants["accuracy"]["exact"] == pytest.approx(2 / 3)


def test_the_official_vqa_program_normalises_nothing_where_all_agree_and_the_headline_does() -> None:
    data = table(["Yes", "Yes"], references=[["yes"] * 10, ["yes"] * 9 + ["no"]])
    scores = build("scorers", "vqa").score(data, replicates=50)
    assert scores.variants["accuracy"] == {"auto": 1.0, "exact": 1.0, "soft": 0.5, "lmms": 1.0}


@pytest.mark.parametrize(
    ("said", "gold", "right"),
    [
        ("", "a", 0.0),
        ("...", "a", 0.0),
        ("the", "a", 0.0),
        ("A", "a", 1.0),
        ("", "...", 0.0),
        ("The.", "The.", 1.0),
    ],
)
def test_answers_of_which_no_word_is_left_are_not_equal_for_that(said: str, gold: str, right: float) -> None:
    data = table([said, said], answer=[gold, None], references=[None, [gold] * 10])
    scores = build("scorers", "vqa").score(data, replicates=50)
    # The programs of the soft rules are taken as they are published.
    np.testing.assert_allclose(scores.per_sample["correct_exact"], [right, right])


@pytest.mark.parametrize(
    ("scorer", "columns", "message"),
    [
        ("aokvqa", {"answer": ["C"], "choices": [["x", "y"]]}, "'s0'.*letter of its 2 choices, found 'C'"),
        ("pope", {"answer": ["maybe"]}, "'s0'.*'yes' or 'no', found 'maybe'"),
        ("vqa", {}, "'s0'.*needs an answer or references"),
    ],
)
def test_a_wrong_gold_answer_is_named(scorer: str, columns: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build("scorers", scorer).score(table(["x"], **columns), replicates=10)


def test_a_cell_of_errors_only_has_null_metrics() -> None:
    scores = build("scorers", "pope").score(table([None, None], answer=["yes", "no"]), replicates=10)
    assert (scores.n, scores.n_error) == (2, 2)
    assert scores.as_json()["metrics"]["accuracy"] == {"value": None, "low": None, "high": None}


def test_scores_do_not_depend_on_the_other_cells_nor_on_the_order_of_rows() -> None:
    generator = np.random.default_rng(0)
    cells = {k: table(list(generator.choice(["Yes", "No"], 40)), answer=["yes", "no"] * 20) for k in "ab"}
    scorer = build("scorers", "pope")
    together = dict(scorer.score_cells(cells, replicates=300))
    assert scorer.score(cells["b"], replicates=300).metrics == together["b"].metrics
    shuffled = cells["b"].sample(frac=1, random_state=1)
    assert scorer.score(shuffled, replicates=300).metrics == together["b"].metrics


def write(path: Path, predictions: pd.DataFrame) -> Path:
    content = pa.Table.from_pandas(predictions, preserve_index=False)
    pq.write_table(content.replace_schema_metadata({"prunegrid": '{"x": 1}'}), path)
    return path


def test_files(tmp_path: Path) -> None:
    file = write(tmp_path / "predictions.parquet", table(["Yes", None], answer=["yes", "no"]))
    [(key, scores)] = score_cells("pope", {"k": file}, replicates=20)
    assert key == "k"
    write_scores(tmp_path, scores, {"tflops_total": 3.0})
    content = json.loads((tmp_path / "scores.json").read_text())
    assert {"n", "n_error", "metrics", "variants", "compute"} <= set(content)
    assert content["compute"] == {"tflops_total": 3.0}
    assert set(content["metrics"]["accuracy"]) == {"value", "low", "high"}
    samples = pd.read_parquet(tmp_path / "scores.parquet")
    assert [*samples.columns[:3]] == ["sample_id", "image_id", "status"]
    assert samples["score"].tolist()[0] == 1.0
    assert np.isnan(samples["score"][1])


@pytest.mark.parametrize("scorer", ["vqa", "caption"])
def test_cells_are_read_one_at_a_time_and_only_what_scores_need(
    scorer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = table(["a dog", "a cat"], answer=["a dog", "x"], references=[["a dog"], ["a dog", "cat"]])
    files = {k: write(tmp_path / f"{k}.parquet", data.assign(token_depth=[[1] * 9] * 2)) for k in range(4)}
    held: list[weakref.ref] = []

    class Watched(CellFiles):
        def __getitem__(self, key: int) -> pd.DataFrame:
            assert sum(frame() is not None for frame in held) <= 1
            frame = super().__getitem__(key)
            assert set(frame) == set(COLUMNS)
            held.append(weakref.ref(frame))
            return frame

    monkeypatch.setattr("prunegrid.scoring.score.CellFiles", Watched)
    values = [scores.metrics for _, scores in score_cells(scorer, files, replicates=20)]
    assert len(held) >= 4
    assert values == [build("scorers", scorer).score(data, replicates=20).metrics] * 4


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.parquet"):
        read(tmp_path / "gone.parquet", COLUMNS)
    whole = table(["Yes", "No"], answer=["yes", "no"])
    write(tmp_path / "a.parquet", whole.drop(columns="answer"))
    with pytest.raises(DataError, match=r"a\.parquet lacks column answer; found sample_id"):
        read(tmp_path / "a.parquet", COLUMNS)
    write(tmp_path / "b.parquet", whole.assign(sample_id="same"))
    with pytest.raises(DataError, match="'same' stands twice"):
        read(tmp_path / "b.parquet", COLUMNS)
    write(tmp_path / "c.parquet", whole.assign(status=["ok", "fine"]))
    with pytest.raises(DataError, match="found 'fine' in row 1"):
        read(tmp_path / "c.parquet", COLUMNS)
    whole.to_parquet(tmp_path / "d.parquet")
    with pytest.raises(DataError, match="no prunegrid metadata"):
        read(tmp_path / "d.parquet", COLUMNS)
