"""Flickr30k captions (Young et al. 2014, TACL 2)."""

from typing import ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import Adapter, Task
from prunegrid.data.rows import Row


class Flickr30k(Adapter):
    """One image a sample, five reference captions; the id is img_id, or the file name where that is null."""

    scorer = "caption"
    max_new_tokens = 64
    free_text = True
    hub_ids = ("lmms-lab-encoder/flickr30k", "lmms-lab/flickr30k")
    hub_split = "test"
    published_samples = 31_783
    required_columns: ClassVar[dict[str, str]] = {
        "image": "image",
        "caption": "list of text",
        "img_id": "text or integer",
    }
    optional_columns: ClassVar[dict[str, str]] = {"filename": "text"}
    id_columns = ("img_id", "filename")

    def sample_id(self, row: Row) -> str:
        """Return the image id, or else the file name."""
        return row.identifier("filename" if row.get("img_id") in (None, "") else "img_id")

    def image_id(self, row: Row) -> str | None:
        """Return the same."""
        return self.sample_id(row)

    def task(self, row: Row) -> Task:
        """Ask for one sentence."""
        return Task(prompt_texts.CAPTION, references=row.described("caption"))
