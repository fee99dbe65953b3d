"""RefCOCO, RefCOCO+ and RefCOCOg: the box of an expression (Yu et al. 2016, arXiv 1608.00272)."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import Adapter, Task
from prunegrid.data.images import Picture
from prunegrid.data.rows import Row
from prunegrid.errors import DataError

# Family -> prompt, and what coordinates of its answers count. Qwen2-VL's authors publish no prompt.
_FAMILIES = {
    "internvl": ("internvl", "thousand"),
    "qwen2_vl": ("llava", "thousand"),
    "qwen2_5_vl": ("qwen", "pixels"),
    "qwen3_vl": ("qwen", "thousand"),
}
# Of each set its name on the hub, the split that is read, and its expressions.
_SETS = {
    "refcoco": ("RefCOCO", "testA", 5657),
    "refcoco+": ("RefCOCOplus", "testA", 5726),
    "refcocog": ("RefCOCOg", "test", 9602),
}
_FRAMES = {"pad": "padded", "crop": "cropped"}
# Its processor scales the short side and cuts the long one to a square.
_CROPS = ("llava",)


class RefCOCO(Adapter):
    """An expression is a sample: a row has a box and several expressions, the list `answer`.

    Samples about one picture are a cluster. Prompt variants: `llava`, `lmms`, `internvl`, `qwen`. `prompt`,
    `coordinates` and `frame` that are left out follow from the model's family and its `image_mode`.
    """

    scorer = "refcoco"
    max_new_tokens = 64
    free_text = True
    split_by = "answer"
    prompts = ("llava", "lmms", "internvl", "qwen")
    variant_tokens: ClassVar[dict[str, int]] = {"internvl": 100, "qwen": 128}
    hub_ids = ("lmms-lab-encoder/RefCOCO", "lmms-lab/RefCOCO")
    hub_split = "testA"
    published_samples = 5657
    required_columns: ClassVar[dict[str, str]] = {
        "image": "image",
        "answer": "list of text",
        "bbox": "list of numbers",
        "question_id": "text or integer",
    }
    id_columns = ("question_id",)
    options: ClassVar[dict[str, tuple[str, ...]]] = {
        "set": ("refcoco", "refcoco+", "refcocog"),
        "coordinates": ("unit", "thousand", "pixels"),
        "frame": ("whole", "padded", "cropped"),
    }
    scored_keys = ("coordinates", "frame")

    @classmethod
    def for_model(cls, family: str, image_mode: str) -> dict[str, Any]:
        """Return how a family is asked, and what its coordinates mean."""
        prompt, coordinates = _FAMILIES.get(family, ("llava", "unit"))
        cut = "cropped" if family in _CROPS else "whole"
        return {"prompt": prompt, "coordinates": coordinates, "frame": _FRAMES.get(image_mode, cut)}

    def n_published(self) -> int | None:
        """Return the set's expressions; None of another split than the one that is read by default."""
        _, split, expressions = self._set()
        return expressions if self.spec.get("split", split) == split else None

    def _paths(self) -> list[str]:
        if self.spec.get("path"):
            return super()._paths()
        return [f"{path.rpartition('/')[0]}/{self._set()[0]}" for path in self.hub_ids]

    def _where(self) -> dict[str, Any]:
        where = super()._where()
        return where if self.spec.get("split") else {**where, "split": self._set()[1]}

    def _set(self) -> tuple[str, str, int]:
        return _SETS[self.spec.get("set", "refcoco")]

    def sample_id(self, row: Row) -> str:
        """Return question_id/number of the expression, from 0."""
        return f"{row.identifier('question_id')}/{row.part}"

    def task(self, row: Row) -> Task:
        """Ask for the box of one expression; the answer is it in pixels: [left, top, right, bottom]."""
        expression, box = row.text("answer").strip(), _box(row.get("bbox"))
        left, top, width, height = box
        corners = [round(number, 2) for number in (left, top, left + width, top + height)]
        prompt = prompt_texts.BOXES[self.prompt].format(expression)
        return Task(prompt, expression, answer=str(corners), document=json.dumps({"bbox": box}))

    def document(self, task: Task, pictures: Sequence[Picture]) -> str | None:
        """Return the box as it stands in the row, and the size of the picture."""
        if not pictures or task.document is None:
            return None
        width, height = pictures[0].image.size
        known: Mapping[str, Any] = json.loads(task.document)
        return json.dumps({**known, "width": width, "height": height})


def _box(value: Any) -> list[float]:
    """Return left, top, width and height, in pixels."""
    numbers = [float(number) for number in value] if isinstance(value, list) and None not in value else []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        raise DataError(f"bbox is {value}, must be left, top, width and height, both above 0")
    return numbers
