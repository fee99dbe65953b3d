"""NoCaps, captions of novel objects (Agrawal et al. 2019, arXiv 1812.08658)."""

from typing import ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import Adapter, Task
from prunegrid.data.rows import Row


class NoCaps(Adapter):
    """One image a sample, ten reference captions."""

    scorer = "caption"
    max_new_tokens = 64
    free_text = True
    hub_ids = ("lmms-lab-encoder/NoCaps", "lmms-lab/NoCaps")
    hub_split = "validation"
    published_samples = 4500
    required_columns: ClassVar[dict[str, str]] = {
        "image": "image",
        "image_id": "text or integer",
        "annotations_captions": "list of text",
    }
    id_columns = ("image_id",)

    def sample_id(self, row: Row) -> str:
        """Return the image id."""
        return row.identifier("image_id")

    def image_id(self, row: Row) -> str | None:
        """Return the image id."""
        return row.identifier("image_id")

    def task(self, row: Row) -> Task:
        """Ask for one sentence."""
        return Task(prompt_texts.CAPTION, references=row.described("annotations_captions"))
