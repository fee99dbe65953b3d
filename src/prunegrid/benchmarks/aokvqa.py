"""A-OKVQA, multiple choice (Schwenk et al. 2022, arXiv 2206.01718)."""

import ast
from typing import ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import Adapter, Task, choices_of, letter_of
from prunegrid.data.rows import Row
from prunegrid.errors import DataError


class AOKVQA(Adapter):
    """Rows of A-OKVQA; prompt variants: `default` as FastV and HiMAP, one token; `llava` as LLaVA."""

    scorer = "aokvqa"
    max_new_tokens = 1
    prompts = ("default", "llava")
    variant_tokens: ClassVar[dict[str, int]] = {"llava": 16}
    hub_ids = ("HuggingFaceM4/A-OKVQA",)
    hub_split = "validation"
    published_samples = 1145
    required_columns: ClassVar[dict[str, str]] = {
        "image": "image",
        "question_id": "text or integer",
        "question": "text",
        "choices": "list of text",
        "correct_choice_idx": "integer",
    }
    optional_columns: ClassVar[dict[str, str]] = {"direct_answers": "text or list of text"}
    id_columns = ("question_id",)

    def sample_id(self, row: Row) -> str:
        """Return the question id."""
        return row.identifier("question_id")

    def task(self, row: Row) -> Task:
        """Ask with lettered options; the direct answers are the references."""
        question, choices = row.text("question"), choices_of(row)
        form = prompt_texts.lettered if self.prompt == "llava" else prompt_texts.options_in_brackets
        answer = letter_of(row.integer("correct_choice_idx"), choices, "correct_choice_idx")
        return Task(form(question, choices), question, choices, answer, _direct_answers(row))


def _direct_answers(row: Row) -> tuple[str, ...] | None:
    """Read the list that the data set keeps inside a string; multiple choice can do without a broken one."""
    value = row.get("direct_answers")
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    try:
        return Row(row.number, row.file, {"direct_answers": value}).texts("direct_answers")
    except DataError:
        return None
