"""Questions with short answers of a user's own data set."""

from collections import Counter
from typing import ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import YES_NO, Adapter, Sample, Task
from prunegrid.data.cell_values import looks_like_a_list
from prunegrid.data.rows import Row, as_text, not_missing
from prunegrid.errors import DataError


class VQA(Adapter):
    """Columns image or images, question, answer or references (or answers); question_id, image_id if any.

    Prompt variants: `default` asks for a single word or phrase, `plain` is the question alone. Without
    an answer, the most frequent reference is the answer.
    """

    scorer = "vqa"
    max_new_tokens = 16
    several_images = True
    prompts = ("default", "plain")
    required_columns: ClassVar[dict[str, str]] = {"image": "image", "question": "text"}
    optional_columns: ClassVar[dict[str, str]] = {
        "answer": "text or number",
        "references": "list of text or list of numbers",
        "answers": "list of text or list of numbers",
        "question_id": "text or integer",
        "image_id": "text or integer",
    }
    one_of_columns = ("answer", "references", "answers")
    id_columns = ("question_id",)

    def sample_id(self, row: Row) -> str:
        """Return the question id, or else the row number."""
        return str(row.number) if row.get("question_id") is None else row.identifier("question_id")

    def image_id(self, row: Row) -> str | None:
        """Return the image id, if there is one."""
        return None if row.get("image_id") is None else row.identifier("image_id")

    def task(self, row: Row) -> Task:
        """Ask for a short answer."""
        question = row.text("question")
        column = next((name for name in ("references", "answers") if row.get(name) is not None), None)
        references = row.texts(column) if column else None
        if row.get("answer") is not None:
            answer = not_missing(as_text(row.get("answer"), "answer"), "answer")
            if looks_like_a_list(answer):
                raise DataError(
                    f"answer is a list written as text ({answer[:40]}): put a list into references"
                )
        elif references:
            answer = Counter(references).most_common(1)[0][0]
        else:
            raise DataError("answer is null, and there are no references")
        prompt = question if self.prompt == "plain" else prompt_texts.yes_no(question)
        return Task(prompt, question, answer=answer, references=references)

    def option_words(self, sample: Sample) -> tuple[str, ...] | None:
        """Return yes and no for a question that they answer."""
        return YES_NO if (sample.answer or "").strip().lower() in YES_NO else None
