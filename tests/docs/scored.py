"""One sample, scored by each scorer."""

from functools import cache

import pandas as pd

from prunegrid import plugins
from prunegrid.scoring.scorer import Scores
from tests.benchmarks.described import WORDS
from tests.lmms_tasks.colours import TASKS

SAMPLE = pd.DataFrame(
    {
        "sample_id": ["random/0"],
        "image_id": ["i"],
        "choices": [["dog", "cat"]],
        "answer": ["A"],
        "references": [["a dog"]],
        "prediction": ["A"],
        "choice_logits": [[1.0, 0.0]],
        "document": ['{"answer": "A", "bbox": [0, 0, 1, 1], "width": 2, "height": 2}'],
        "image_grids": [[[1, 2, 2]]],
        "status": ["ok"],
    }
)
# Not asked for, as METEOR takes a minute to start: its metric and its column.
LEFT_OUT = {"meteor"}


@cache
def scored(name: str) -> Scores:
    options = {
        "caption": {"extra": ["bleu", "rouge"]},
        "chair": {"synonyms": WORDS},
        "lmms_eval": {"task": "colours", "include_path": TASKS},
    }.get(name, {})
    sample = SAMPLE.assign(answer="yes") if name == "pope" else SAMPLE
    return plugins.build("scorers", name, options).score(sample, replicates=100)
