"""RefCOCO's scores are those that lmms-eval's own functions give of the same answers."""

import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from prunegrid.lmms_tasks.functions import load
from prunegrid.lmms_tasks.installation import tasks_folder
from prunegrid.lmms_tasks.task_files import FunctionReference
from prunegrid.plugins import build
from tests.benchmarks.grounding import adapter, write

pytestmark = pytest.mark.skipif(
    find_spec("lmms_eval") is None, reason="lmms-eval is not installed: `make test-tasks` compares with it"
)
# Of six samples of 60 x 40 pixels: two of box 6, 4, 36, 24, one of 0, 0, 60, 10.5, three of 15, 20, 30, 30.
ANSWERS = {
    "shares": [
        "[0.1, 0.1, 0.6, 0.6]", "[0.12, 0.1, 0.5, 0.5]", "It is [0.0, 0.0, 1.0, 0.2].",
        "[0.6, 0.5, 0.25, 0.75]", "[0, 0, 1]", "nothing",
    ],
    "thousandths": [
        '```json\n[{"bbox_2d": [100, 100, 600, 600], "label": "dog"}]\n```',
        '[{"bbox_2d": [90, 120, 640, 560]}, {"bbox_2d": [0, 0, 10, 10]}]', "[[0, 0, 1000, 262]]",
        '{"bbox": [250, 500, 500, 750]}', "[600, 600, 100, 100]", "",
    ],
    "pixels": [
        "[6, 4, 36, 24]", '[{"bbox_2d": [7, 4, 33, 20]}]', "[0, 0, 60, 21]", "[15, 20, 30, 30]",
        "no box", "[1, 2]",
    ],
}  # fmt: skip


def function(file, name):
    return load(FunctionReference(Path(tasks_folder(), file), name))


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return list(adapter(write(tmp_path_factory.mktemp("rows") / "refcoco.parquet")).samples())


def document(sample):
    """Return what lmms-eval has of a sample: the box as published, and the picture."""
    left, top, right, bottom = json.loads(sample.answer)
    image = Image.fromarray(np.asarray(sample.image))
    return {
        "answer": sample.question, "question_id": sample.sample_id, "image": image,
        "bbox": [left, top, right - left, bottom - top],
    }  # fmt: skip


def normalised(found):
    """Return the document of a box task as its preparation makes it."""
    prepare = function("refcoco/utils_rec.py", "refcoco_bbox_rec_preprocess_dataset")

    class Rows(list):
        def map(self, change):
            return Rows([{**row, **change(row)} for row in self])

    given = Rows([{**found, "answer": [found["answer"]]}])
    # Of the package `datasets` it asks for this alone.
    module = prepare.__globals__
    kept, module["Dataset"] = module["Dataset"], SimpleNamespace(from_list=Rows)
    try:
        (one,) = prepare(given)
    finally:
        module["Dataset"] = kept
    return one


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize(
    ("variant", "file", "prefix"),
    [
        ("lmms", "refcoco/utils_rec.py", "refcoco_bbox_rec"),
        ("lmms_grounding", "refcoco_grounding/utils.py", "refcoco_grounding"),
    ],
)
def test_accuracy_and_iou(samples, kind, variant, file, prefix):
    scores = scored(samples, ANSWERS[kind])
    documents = [document(sample) for sample in samples]
    if variant == "lmms":
        documents = [normalised(one) for one in documents]
    results = [
        function(file, f"{prefix}_process_result")(one, [said])
        for one, said in zip(documents, ANSWERS[kind], strict=True)
    ]
    for metric, name, ours in (("ACC@0.5", "acc05", "accuracy"), ("IoU", "iou", "mean_iou")):
        own = [next(value for key, value in one.items() if key.endswith(metric)) for one in results]
        expected = function(file, f"{prefix}_{name}")(own)
        assert scores.variants[ours][variant] == pytest.approx(expected), (kind, metric)


def scored(samples, answers):
    rows = pd.DataFrame(
        {
            "sample_id": sample.sample_id, "image_id": sample.image_id, "choices": None,
            "answer": sample.answer, "references": None, "document": sample.document, "prediction": said,
            "choice_logits": None, "image_grids": [[1, 2, 3]], "status": "ok",
        }
        for sample, said in zip(samples, answers, strict=True)
    )  # fmt: skip
    return build("scorers", "refcoco", {}).score(rows, replicates=10)


def test_where_coordinates_are_shares_the_headline_is_lmms_evals(samples):
    found = scored(samples, ANSWERS["shares"])
    assert found.variants["accuracy"]["first"] == found.variants["accuracy"]["lmms"] == 0.5
    assert found.variants["mean_iou"]["first"] == pytest.approx(found.variants["mean_iou"]["lmms"])
