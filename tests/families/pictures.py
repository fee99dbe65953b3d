"""Pictures of several sizes and modes, as files of a user's own benchmark."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

# Name -> width, height, mode. Tiles, grids and resolutions differ; one is smaller than a patch of any tower.
PICTURES = {
    "square.png": (24, 24, "RGB"),
    "wide.png": (100, 30, "RGB"),
    "tall.png": (20, 90, "RGB"),
    "large.png": (96, 96, "RGB"),
    "grey.jpg": (60, 40, "L"),
    "small.png": (3, 2, "RGB"),
    "see-through.png": (40, 41, "RGBA"),
}
# Of one question: pictures of unequally many tiles.
SEVERAL = ("large.png", "grey.jpg", "square.png")
QUESTIONS = ("Is there a cat?", "Is it red, or is it blue, or neither?")


def picture(name: str) -> Image.Image:
    """Return a picture of noise."""
    width, height, mode = PICTURES[name]
    generator = np.random.default_rng(sum(map(ord, name)))
    shape = (height, width, *([len(mode)] if len(mode) > 1 else []))
    return Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8), mode)


def write_benchmark(folder: Path) -> Path:
    """Write the pictures and a JSONL of questions about them; return the JSONL."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, name in enumerate(PICTURES):
        picture(name).save(folder / name)
        for ask in QUESTIONS[: 1 + number % 2]:
            question_id = f"{name} {len(rows)}"
            rows.append({"question_id": question_id, "image": name, "question": ask, "answer": "yes"})
    several = {"question_id": f"several {len(rows)}", "image": list(SEVERAL)}
    rows.append({**several, "question": "Which?", "answer": "yes"})
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
