"""CHAIR's rates and words are those of lmms-eval's coco_cap_chair on the same descriptions."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

from prunegrid.data.object_words import object_words
from prunegrid.lmms_tasks.functions import load
from prunegrid.lmms_tasks.installation import tasks_folder
from prunegrid.lmms_tasks.task_files import FunctionReference
from prunegrid.plugins import build
from prunegrid.scoring.answers.objects import ObjectFinder

pytestmark = pytest.mark.skipif(
    find_spec("lmms_eval") is None, reason="lmms-eval is not installed: `make test-tasks` compares with it"
)
SAID = [
    ("a dog and a puppy sit on a sofa near a wine glass .", ["dog", "couch"]),
    ("a man with a bow tie holds a hot dog beside a passenger train", ["person", "tie"]),
    ("the train track is empty and a baby elephant stands at home plate", ["elephant"]),
    ("the seat of the toilet is up , a toilet seat", ["toilet"]),
    ("a mobile phone and a laptop computer on a dining table", ["cell phone", "laptop", "dining table"]),
    ("nothing to see", ["zebra"]),
]


@pytest.fixture
def function(monkeypatch):
    """Return functions of the task; in place of nltk's data, words between spaces as they stand."""
    nltk = ModuleType("nltk")
    nltk.word_tokenize = str.split
    nltk.pos_tag = lambda words: [(word, "NN") for word in words]
    corpus, stem = ModuleType("nltk.corpus"), ModuleType("nltk.stem")
    corpus.wordnet = SimpleNamespace(NOUN="n", ADJ="a", VERB="v", ADV="r")
    stem.WordNetLemmatizer = lambda: SimpleNamespace(lemmatize=lambda word, pos: word)
    for module in (nltk, corpus, stem):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    file = Path(tasks_folder(), "coco_cap_chair/utils.py")
    loaded = load(FunctionReference(file, "caption_to_words")).__globals__
    monkeypatch.setitem(loaded, "nltk", nltk)
    monkeypatch.setitem(loaded, "wordnet", corpus.wordnet)
    monkeypatch.setitem(loaded, "WordNetLemmatizer", stem.WordNetLemmatizer)
    return loaded.__getitem__


def test_the_list_of_the_package_is_read_whole(function):
    words = object_words()
    assert {*words} == {word.strip() for word in function("MSCOCO_OBJECTS")}
    assert len({*words.values()}) == 80


@pytest.mark.parametrize("said", [said for said, _ in SAID])
def test_words(said, function):
    assert ObjectFinder(object_words()).find(said) == function("caption_to_words")(said)[1]


def test_rates(function):
    rows = pd.DataFrame(
        {
            "sample_id": str(number), "image_id": str(number), "choices": None, "answer": None,
            "references": shown, "prediction": said, "choice_logits": None, "status": "ok",
        }
        for number, (said, shown) in enumerate(SAID)
    )  # fmt: skip
    found = build("scorers", "chair", {}).score(rows, replicates=10).metrics
    results = [
        function("coco_cap_chair_process_result")({"gt_object": shown, "question_id": number}, [said])
        for number, (said, shown) in enumerate(SAID)
    ]
    for ours, theirs in (("chair_i", "chair_i"), ("chair_s", "chair_s"), ("object_recall", "recall")):
        own = [result[f"coco_cap_{theirs}"] for result in results]
        expected = function(f"coco_cap_chair_aggregate_results_{theirs}")(own) / 100
        assert found[ours]["value"] == pytest.approx(expected), ours
