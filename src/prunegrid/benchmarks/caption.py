"""Captions of a user's own data set."""

from typing import ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import Adapter, Task
from prunegrid.data.cell_values import list_of, looks_like_a_list
from prunegrid.data.rows import Row, not_missing
from prunegrid.errors import DataError


class Caption(Adapter):
    """Columns image and references (or captions, or caption): a list, or one text; image_id if there is."""

    scorer = "caption"
    max_new_tokens = 64
    free_text = True
    required_columns: ClassVar[dict[str, str]] = {"image": "image"}
    optional_columns: ClassVar[dict[str, str]] = {
        "references": "list of text or text",
        "captions": "list of text or text",
        "caption": "list of text or text",
        "image_id": "text or integer",
    }
    one_of_columns = ("references", "captions", "caption")
    id_columns = ("image_id",)

    def sample_id(self, row: Row) -> str:
        """Return the image id, or else the row number."""
        return self.image_id(row) or str(row.number)

    def image_id(self, row: Row) -> str | None:
        """Return the image id, if there is one."""
        return None if row.get("image_id") is None else row.identifier("image_id")

    def task(self, row: Row) -> Task:
        """Ask for one sentence."""
        for name in self.one_of_columns:
            value = row.get(name)
            if value is not None:
                references = _in_text(row, name) if isinstance(value, str) else row.described(name)
                return Task(prompt_texts.CAPTION, references=references)
        raise DataError(f"no captions: {', '.join(self.one_of_columns)} are null")


def _in_text(row: Row, name: str) -> tuple[str, ...]:
    """Return one caption, or those of a list that a frame wrote as text."""
    text = not_missing(row.text(name), name)
    if found := list_of(text):
        return tuple(found)
    if looks_like_a_list(text):
        raise DataError(f"{name} is a list written as text ({text[:40]}): put a list there")
    return Row(row.number, row.file, {name: [text]}).described(name)
