"""Made-up rows for CHAIR, and words for its categories."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid import plugins
from tests.benchmarks.worlds import picture

WORDS = str(Path(__file__).parents[1] / "fixtures/object_words.txt")
OBJECTS: list[Any] = [["dog", "person"], [], ["sheep"]]


def write(folder: Path, objects: list[Any] = OBJECTS) -> Path:
    file = folder / "chair.parquet"
    rows = [
        {"image": picture(number), "question_id": f"{number + 40}", "gt_object": own}
        for number, own in enumerate(objects)
    ]
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def adapter(file: Path, **more: Any) -> Any:
    told = {"adapter": "chair", "path": str(file), "synonyms": WORDS}
    return plugins.load("benchmarks", "chair")({**told, **more})
