"""Made-up rows of the published schema of RefCOCO, as its card has it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from prunegrid import plugins
from tests.benchmarks.worlds import IMAGE, encode

WIDTH, HEIGHT = 60, 40
SCHEMA = pa.schema(
    [
        ("question_id", pa.string()), ("image", IMAGE), ("question", pa.string()),
        ("answer", pa.list_(pa.string())), ("segmentation", pa.list_(pa.float32())),
        ("bbox", pa.list_(pa.float32())), ("iscrowd", pa.int8()), ("file_name", pa.string()),
    ]
)  # fmt: skip
# Of two pictures three boxes: left, top, width, height; with two, one and three expressions.
BOXES = ((6.0, 4.0, 30.0, 20.0), (0.0, 0.0, 60.0, 10.5), (15.0, 20.0, 15.0, 10.0))
EXPRESSIONS = (["dog on the left", "brown dog "], ["the {sky}"], ["shoe", "left shoe", 'a "shoe"'])


def rows() -> list[dict[str, Any]]:
    return [
        {
            "question_id": f"{number + 7}", "image": _picture(number // 2),
            "question": "Please carefully observe the area circled in the image and come up with a caption.",
            "answer": expressions, "segmentation": [1.0, 2.0, 3.0, 4.0], "bbox": list(box), "iscrowd": 0,
            "file_name": f"COCO_train2014_00000000000{number // 2}.jpg",
        }
        for number, (box, expressions) in enumerate(zip(BOXES, EXPRESSIONS, strict=True))
    ]  # fmt: skip


def _picture(number: int) -> dict[str, Any]:
    image = Image.new("RGB", (WIDTH, HEIGHT), (number * 90, 40, 80))
    return {"bytes": encode(image), "path": None}


def write(file: Path, changed: list[dict[str, Any]] | None = None) -> Path:
    pq.write_table(pa.Table.from_pylist(changed or rows(), SCHEMA), file)
    return file


def adapter(file: Path, **more: Any) -> Any:
    return plugins.load("benchmarks", "refcoco")({"adapter": "refcoco", "path": str(file), **more})
