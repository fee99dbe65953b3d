"""POPE, object presence by yes or no (Li et al. 2023, arXiv 2305.10355)."""

from typing import ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import YES_NO, Adapter, Sample, Task
from prunegrid.data.rows import Row
from prunegrid.errors import DataError


class POPE(Adapter):
    """The official files restart their numbering, so that a sample's id is category/question_id."""

    scorer = "pope"
    max_new_tokens = 128
    hub_ids = ("lmms-lab-encoder/POPE", "lmms-lab/POPE")
    hub_split = "test"
    published_samples = 9000
    required_columns: ClassVar[dict[str, str]] = {
        "image": "image",
        "question_id": "text or integer",
        "question": "text",
        "answer": "text",
        "category": "text",
    }
    optional_columns: ClassVar[dict[str, str]] = {"image_source": "text or integer"}
    id_columns = ("category", "question_id")

    def sample_id(self, row: Row) -> str:
        """Return category/question_id."""
        return f"{row.text('category')}/{row.identifier('question_id')}"

    def image_id(self, row: Row) -> str | None:
        """Return the name of the COCO image."""
        return None if row.get("image_source") in (None, "") else row.identifier("image_source")

    def task(self, row: Row) -> Task:
        """Ask for a single word; the answer is yes or no in lower case."""
        question = row.text("question").strip()
        answer = row.text("answer").strip().lower()
        if answer not in YES_NO:
            raise DataError(f"answer is {row.get('answer')!r}, must be yes or no")
        return Task(prompt_texts.yes_no(question), question, answer=answer)

    def option_words(self, sample: Sample) -> tuple[str, ...] | None:
        """Return yes and no."""
        return YES_NO
