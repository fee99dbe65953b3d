"""The easy-VQA data set (Victor Zhou, MIT licence) as its package ships it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import easy_vqa
import numpy as np
from PIL import Image

from prunegrid.demo.drawing import SIDE, PatchLabels, mask_labels
from prunegrid.demo.scene import COLOURS, SHAPES


@dataclass(frozen=True)
class EasyQuestion:
    """One published question and its answer."""

    question: str
    answer: str
    image_id: int


def read_questions(split: Literal["train", "test"]) -> list[EasyQuestion]:
    """Return the questions of a split in their published order."""
    read = {"train": easy_vqa.get_train_questions, "test": easy_vqa.get_test_questions}[split]
    return [EasyQuestion(*row) for row in zip(*read(), strict=True)]


def image_paths(split: Literal["train", "test"]) -> dict[int, Path]:
    """Return the file of every image of a split by its number."""
    read = {"train": easy_vqa.get_train_image_paths, "test": easy_vqa.get_test_image_paths}[split]
    return {number: Path(path) for number, path in sorted(read().items())}


def load_resized(path: Path) -> np.ndarray:
    """Return an image as the demo model's processor resizes it: (64, 64, 3) uint8."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def patch_labels(image: np.ndarray, questions: list[EasyQuestion]) -> PatchLabels | None:
    """Return the patch labels of a resized image, or None where its questions leave colour or shape open."""
    answers = {question.answer for question in questions} - {"yes", "no"}
    asked = " ".join(question.question for question in questions if question.answer not in ("yes", "no"))
    words = answers | set(asked.replace("?", "").split())
    colours, shapes = words & set(COLOURS), words & set(SHAPES)
    if len(colours) != 1 or len(shapes) != 1:
        return None
    pixels = image.astype(float)
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    ground = np.median(corners, axis=0)
    distance = np.abs(pixels - ground).max(axis=2)
    return mask_labels((distance > 40).astype(float), colours.pop(), shapes.pop())
