"""A made-up folder of tasks, and rows for them: what lmms-eval's layout is, without lmms-eval."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid import plugins
from prunegrid.data.adapter import Sample
from tests.benchmarks.worlds import IMAGE, picture

TASKS = str(Path(__file__).parent / "made_up")
SCHEMA = pa.schema(
    [("image", IMAGE), ("question", pa.string()), ("answer", pa.string()), ("place", pa.int64())]
)


def write_rows(folder: Path, n: int = 4) -> Path:
    rows = [
        {"image": picture(i // 2), "question": "Which colour?", "answer": ("Red", "Blue")[i % 2], "place": i}
        for i in range(n)
    ]
    file = folder / "colours.parquet"
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file)
    return file


def adapter(file: Path, task: str = "colours", include_path: str | None = TASKS, **more: Any) -> Any:
    told = {"include_path": include_path} if include_path else {}
    return plugins.load("benchmarks", "lmms_eval")({"task": task, "path": str(file), **told, **more})


def predictions(samples: list[Sample], answers: list[str]) -> pd.DataFrame:
    """Return what a cell's file would hold of samples and answers."""
    return pd.DataFrame(
        {
            "sample_id": sample.sample_id,
            "image_id": sample.image_id,
            "choices": None,
            "answer": sample.answer,
            "references": None,
            "document": sample.document,
            "prediction": answer,
            "choice_logits": None,
            "status": "error" if sample.error else "ok",
        }
        for sample, answer in zip(samples, answers, strict=True)
    )


def scorer(task: str, include_path: str | None = TASKS) -> Any:
    told = {"include_path": include_path} if include_path else {}
    return plugins.build("scorers", "lmms_eval", {"task": task, **told})
