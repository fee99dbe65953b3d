"""CHAIR: the objects that a description of a picture names (Rohrbach et al. 2018, arXiv 1809.02156)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import Adapter, Task
from prunegrid.data.object_words import object_words
from prunegrid.data.rows import Row, as_text
from prunegrid.errors import DataError


class CHAIR(Adapter):
    """A picture is a sample; its references are the objects that it shows, those of segments and captions.

    `synonyms` is a file of the words for each category; default is lmms-eval's list.
    """

    scorer = "chair"
    max_new_tokens = 512
    free_text = True
    hub_ids = ("tsunghanwu/mscoco_chair",)
    hub_split = "test"
    required_columns: ClassVar[dict[str, str]] = {
        "image": "image",
        "question_id": "text or integer",
        "gt_object": "list of text or text",
    }
    id_columns = ("question_id",)
    options: ClassVar[dict[str, tuple[str, ...]]] = {"synonyms": ()}
    scored_keys = ("synonyms",)

    def __init__(self, spec: Mapping[str, Any], base: str | Path | None = None) -> None:
        super().__init__(spec, base)
        self._words = object_words(self.spec.get("synonyms"))

    def scored_foundation(self) -> list[Any]:
        """Return the words for each category."""
        return [self._words]

    def sample_id(self, row: Row) -> str:
        """Return the question id, which is the picture's in COCO."""
        return row.identifier("question_id")

    def image_id(self, row: Row) -> str | None:
        """Return the same."""
        return self.sample_id(row)

    def task(self, row: Row) -> Task:
        """Ask for a detailed description."""
        return Task(prompt_texts.DESCRIPTION, references=_objects(row.get("gt_object")))


def _objects(value: Any) -> tuple[str, ...]:
    """Return the objects of a row: a list, or one that was written as JSON; a picture may show none."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise DataError(f"gt_object is {value[:40]!r}, must be a list") from error
    if not isinstance(value, list):
        raise DataError("gt_object is null" if value is None else "gt_object must be a list")
    return tuple(as_text(one, f"gt_object[{at}]") for at, one in enumerate(value))
