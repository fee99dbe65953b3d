"""Objects that a text names, and CHAIR's rates."""

import numpy as np
import pandas as pd
import pytest

from prunegrid.data.object_words import object_words
from prunegrid.errors import ConfigError, DataError
from prunegrid.plugins import build
from prunegrid.scoring.answers.objects import ObjectFinder, plurals
from tests.benchmarks.described import WORDS


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A man walks two dogs.", ["person", "dog"]),
        ("Men, women and children with PUPPIES", ["person", "person", "person", "dog"]),
        ("two policemen, three people", ["person", "person"]),
        ("wine glasses and a wine glass", ["wine glass", "wine glass"]),
        ("a teddy bear beside a bear", ["teddy bear", "bear"]),
        ("teddy-bears", ["teddy bear"]),
        ("mice and knives", ["mouse", "knife"]),
        ("a baby sheep, an adult bear, baby dogs", ["sheep", "bear", "dog"]),
        ("The train track is empty; a passenger train comes.", ["train"]),
        ("home plate, train tracks", []),
        ("the toilet seat", ["toilet"]),
        ("the seat of the lavatory", ["toilet"]),
        ("a seat", ["chair"]),
        ("buses, mobile phones, motor cycles", ["bus", "cell phone", "motorcycle"]),
        ("doghouse, mousse, carpet, hotdogging", []),
        ("", []),
    ],
)
def test_named_objects(text, named):
    assert ObjectFinder(object_words(WORDS)).find(text) == named


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dog", {"dogs"}), ("bus", {"buses"}), ("bench", {"benches"}), ("puppy", {"puppies"}),
        ("monkey", {"monkeys"}), ("knife", {"knives"}), ("calf", {"calves"}), ("loaf", {"loaves"}),
        ("giraffe", {"giraffes"}), ("buffalo", {"buffalos", "buffaloes"}), ("snowman", {"snowmen"}),
        ("goose", {"geese"}), ("box", {"boxes"}),
    ],
)  # fmt: skip
def test_plurals(word, expected):
    assert plurals(word) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no line such as `dog, puppy, hound`"),
        ("dog, puppy\ncat, puppy\n", "line 2: 'puppy' stands for 'dog' and 'cat'"),
        (None, "cannot be read"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path, text, told):
    file = tmp_path / "words.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=told):
        object_words(str(file))


def table(said: list[str | None], shown: list[list[str]] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": [str(number) for number in range(len(said))],
            "image_id": [str(number) for number in range(len(said))],
            "choices": None, "answer": None, "choice_logits": None, "prediction": said,
            "references": shown or [["dog", "puppy", "person"]] * len(said),
            "status": ["error" if one is None else "ok" for one in said],
        }
    )  # fmt: skip


def scored(*arguments):
    return build("scorers", "chair", {"synonyms": WORDS}).score(table(*arguments), replicates=200)


def test_rates_by_hand():
    """Of six named objects two are not there, in one of four texts; of eight shown ones four are named."""
    found = scored(["A dog, a man.", "A dog, two mice and dogs", "A dog.", "Nothing.", None])
    value = {name: metric["value"] for name, metric in found.metrics.items()}
    assert (found.n, found.n_error, found.headline) == (5, 1, "object_precision")
    assert value["chair_i"] == pytest.approx(1 / 6)
    assert value["object_precision"] == pytest.approx(5 / 6)
    assert value["chair_s"] == pytest.approx(1 / 4)
    assert value["object_recall"] == pytest.approx((2 + 1 + 1 + 0) / 8)
    assert value["objects_named"] == pytest.approx(6 / 4)
    assert list(found.per_sample["parsed_answer"])[:3] == ["dog, person", "dog, mouse", "dog"]
    limits = found.metrics["object_precision"]
    assert limits["low"] < limits["value"] <= limits["high"] <= 1


def test_scores_of_rows_have_the_headline_as_mean_and_its_variance():
    """Their variance is that of the ratio over resampled pictures, as far as the delta method goes."""
    draw = np.random.default_rng(0)
    said = [" ".join(draw.choice(["dog", "mouse", "knife", "it"], 6)) for _ in range(400)]
    found = scored(said)
    rows = found.per_sample
    assert rows["score"].mean() == pytest.approx(found.metrics["object_precision"]["value"])
    named, right = rows["n_named"].to_numpy(), (rows["n_named"] - rows["n_invented"]).to_numpy()
    drawn = draw.integers(0, 400, (4000, 400))
    ratios = right[drawn].sum(1) / named[drawn].sum(1)
    assert rows["score"].std() / 20 == pytest.approx(ratios.std(), rel=0.1)


def test_nothing_named_is_no_precision():
    found = scored(["it", "", "a cat"])
    assert found.metrics["object_precision"]["value"] == 0
    assert np.isnan(found.metrics["chair_i"]["value"])
    assert found.metrics["chair_s"]["value"] == found.metrics["object_recall"]["value"] == 0
    assert list(found.per_sample["score"]) == [0, 0, 0]


def test_without_objects_the_row_is_named():
    with pytest.raises(DataError, match="'0': it has no references, which are the objects"):
        build("scorers", "chair", {"synonyms": WORDS}).score(table(["x"]).assign(references=None))
