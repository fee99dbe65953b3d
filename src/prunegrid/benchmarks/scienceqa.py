"""ScienceQA-IMG, the questions of ScienceQA that have an image (Lu et al. 2022, arXiv 2209.09513)."""

from typing import ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import Adapter, Task, choices_of, letter_of
from prunegrid.data.rows import Row


class ScienceQA(Adapter):
    """Multiple choice with the hint as context. There is no id column: the sample id is the row number."""

    scorer = "scienceqa"
    max_new_tokens = 16
    hub_ids = ("lmms-lab-encoder/ScienceQA", "lmms-lab/ScienceQA")
    hub_config = "ScienceQA-IMG"
    hub_split = "test"
    published_samples = 2017
    required_columns: ClassVar[dict[str, str]] = {
        "image": "image",
        "question": "text",
        "choices": "list of text",
        "answer": "integer",
        "hint": "text",
    }

    def task(self, row: Row) -> Task:
        """Ask with lettered options; a hint, if there is one, stands before the question."""
        question, choices = row.text("question"), choices_of(row)
        answer = letter_of(row.integer("answer"), choices, "answer")
        prompt = prompt_texts.lettered(question, choices, context=row.optional_text("hint"))
        return Task(prompt, question, choices, answer)
