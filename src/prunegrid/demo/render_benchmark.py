"""Write the demo's five benchmarks as Parquet files, with the schemas of the published data sets.

Rows are ordered so that the first n of them are spread over images, categories and answers.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from prunegrid.demo.drawing import SIDE, render
from prunegrid.demo.easyvqa import image_paths, read_questions
from prunegrid.demo.questions import (
    ABSENCES,
    CHOICES,
    ChoiceQuestion,
    Topic,
    absent_kind,
    captions,
    choice_question,
    context_line,
    list_question,
    presence,
)
from prunegrid.demo.scene import CROWDED, Scene, named_rng, sample_scene
from prunegrid.study.drawn_data import write_drawn

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_SHORT_ANSWERS = pa.schema(
    [("image", IMAGE)] + [(name, pa.string()) for name in ("question_id", "image_id", "question", "answer")]
)
SCHEMAS = {
    "shapes-pope": pa.schema(
        [(name, pa.string()) for name in ("id", "question_id", "question", "answer", "image_source")]
        + [("image", IMAGE), ("category", pa.string())]
    ),
    "shapes-mcq": pa.schema(
        [
            ("image", IMAGE),
            ("question", pa.string()),
            ("choices", pa.list_(pa.string())),
            ("answer", pa.int8()),
        ]
        + [
            (name, pa.string())
            for name in (
                "hint",
                "task",
                "grade",
                "subject",
                "topic",
                "category",
                "skill",
                "lecture",
                "solution",
            )
        ]
    ),
    "shapes-caption": pa.schema(
        [("image", IMAGE)]
        + [(name, pa.string()) for name in ("image_coco_url", "image_date_captured", "image_file_name")]
        + [("image_height", pa.int32()), ("image_width", pa.int32())]
        + [("image_id", pa.int32()), ("image_license", pa.int8()), ("image_open_images_id", pa.string())]
        + [("annotations_ids", pa.list_(pa.int32())), ("annotations_captions", pa.list_(pa.string()))]
    ),
    "shapes-list": _SHORT_ANSWERS,
    "easyvqa": _SHORT_ANSWERS,
}
DEFAULT_ROWS = {"shapes-pope": 500, "shapes-mcq": 500, "shapes-list": 500, "shapes-caption": 300}
# Every other question takes two look-ups.
TOPIC_ORDER: tuple[Topic, ...] = ("relation", "color", "relation", "shape")
CONTEXT_SHARE = 0.4
REFERENCES = 5


def render_benchmark(
    name: str, path: str | Path, rows: int | None = None, seed: int = 0, *, key: str = ""
) -> None:
    """Write one benchmark to a Parquet file.

    Parameters
    ----------
    name : str
        "easyvqa", "shapes-pope", "shapes-mcq", "shapes-list" or "shapes-caption".
    path : str or Path
        The file; it appears when it is whole, its checksum beside it.
    rows : int, optional
        Number of rows; by default 500 (300 captions), and all of easy-VQA's test split.
    seed : int
        Of the scenes and of the order of rows. No training scene has the same stream.
    key : str
        Hash of the code that draws, kept in the file's metadata.
    """
    if name not in _TABLES:
        raise ValueError(f"unknown demo benchmark {name!r}; valid: {', '.join(sorted(_TABLES))}")
    # Where no number is set, slices up to the largest one take all rows there are.
    wanted = DEFAULT_ROWS.get(name, sys.maxsize) if rows is None else rows
    records = _TABLES[name](wanted, seed)
    table = pa.Table.from_pylist(records, schema=SCHEMAS[name])
    write_drawn(path, table, key)


def _pope(rows: int, seed: int) -> list[dict[str, Any]]:
    """Return, per image of 5 to 9 objects, a present and an absent kind in each of the three categories.

    The present kinds are the same in all categories, as in POPE's three files.
    """
    cases = [(absence, answer) for absence in ABSENCES for answer in ("yes", "no")]
    images = -(-rows // len(cases))
    drawn = [_scene("shapes-pope", seed, number, *CROWDED) for number in range(images)]
    rng = named_rng("shapes-pope questions", seed)
    present = [scene.kinds[rng.integers(len(scene.kinds))] for scene, _ in drawn]
    numbers = dict.fromkeys(ABSENCES, 0)
    records = []
    for turn in range(len(cases)):
        for number, (scene, image) in enumerate(drawn):
            absence, answer = cases[(number + turn) % len(cases)]
            kind = present[number] if answer == "yes" else absent_kind(scene, absence, rng)
            numbers[absence] += 1
            records.append(
                {
                    "id": str(numbers[absence] - 1),
                    "question_id": str(numbers[absence]),
                    "question": presence(kind),
                    "answer": answer,
                    "image_source": image["path"].removesuffix(".png"),
                    "image": image,
                    "category": absence,
                }
            )
    return records[:rows]


def _mcq(rows: int, seed: int) -> list[dict[str, Any]]:
    """Return one question per image of 5 to 9 objects; topics take turns, and so do the right letters."""
    records = []
    for number in range(rows):
        topic = TOPIC_ORDER[number // CHOICES % len(TOPIC_ORDER)]
        scene, image, drawn = _asked_scene(topic, number, seed)
        rng = named_rng("shapes-mcq context", seed, number)
        hint = context_line(scene, rng) if rng.random() < CONTEXT_SHARE else ""
        records.append(
            {
                "image": image,
                "question": drawn.question,
                "choices": list(drawn.choices),
                "answer": drawn.answer,
                "hint": hint,
                "task": "closed choice",
                "grade": "grade1",
                "subject": "natural science",
                "topic": "shapes",
                "category": topic,
                "skill": f"Read the {topic} off an image",
                "lecture": "",
                "solution": "",
            }
        )
    return records


def _asked_scene(topic: Topic, number: int, seed: int) -> tuple[Scene, dict[str, Any], ChoiceQuestion]:
    """Draw scenes until one allows a question on the topic."""
    rng = named_rng("shapes-mcq", seed, number)
    while True:
        scene = sample_scene(rng, *CROWDED)
        drawn = choice_question(scene, topic, rng, number % CHOICES)
        if drawn is not None:
            return scene, _image(scene, rng, "shapes-mcq", number), drawn


def _list(rows: int, seed: int) -> list[dict[str, Any]]:
    """Return one question per image of 5 to 9 objects, on the colours or the shapes of all of them."""
    records = []
    for number in range(rows):
        scene, image = _scene("shapes-list", seed, number, *CROWDED)
        asked = list_question(scene, named_rng("shapes-list questions", seed, number))
        records.append(
            {
                "image": image,
                "question_id": str(number),
                "image_id": image["path"].removesuffix(".png"),
                "question": asked.question,
                "answer": asked.answer,
            }
        )
    return records


def _caption(rows: int, seed: int) -> list[dict[str, Any]]:
    records = []
    for number in range(rows):
        scene, image = _scene("shapes-caption", seed, number)
        records.append(
            {
                "image": image,
                "image_coco_url": "",
                "image_date_captured": "",
                "image_file_name": image["path"],
                "image_height": SIDE,
                "image_width": SIDE,
                "image_id": number,
                "image_license": 0,
                "image_open_images_id": f"shapes-{number:06d}",
                "annotations_ids": [number * REFERENCES + i for i in range(REFERENCES)],
                "annotations_captions": list(captions(scene)),
            }
        )
    return records


def _easyvqa(rows: int, seed: int) -> list[dict[str, Any]]:
    """Return the published test split, all of it by default, with the images' own bytes, shuffled."""
    questions, paths = read_questions("test"), image_paths("test")
    order = named_rng("easyvqa order", seed).permutation(len(questions))[:rows]
    return [
        {
            "image": {
                "bytes": paths[questions[i].image_id].read_bytes(),
                "path": paths[questions[i].image_id].name,
            },
            "question_id": str(i),
            "image_id": str(questions[i].image_id),
            "question": questions[i].question,
            "answer": questions[i].answer,
        }
        for i in order
    ]


def _scene(benchmark: str, seed: int, number: int, *objects: int) -> tuple[Scene, dict[str, Any]]:
    """Draw one scene of a benchmark, of so many `objects`, and its image as the Parquet files hold it."""
    rng = named_rng(benchmark, seed, number)
    scene = sample_scene(rng, *objects)
    return scene, _image(scene, rng, benchmark, number)


def _image(scene: Scene, rng: np.random.Generator, benchmark: str, number: int) -> dict[str, Any]:
    file = io.BytesIO()
    Image.fromarray(render(scene, rng)).save(file, format="PNG")
    return {"bytes": file.getvalue(), "path": f"{benchmark}-{number:05d}.png"}


_TABLES: dict[str, Callable[[int, int], list[dict[str, Any]]]] = {
    "easyvqa": _easyvqa,
    "shapes-pope": _pope,
    "shapes-mcq": _mcq,
    "shapes-list": _list,
    "shapes-caption": _caption,
}
