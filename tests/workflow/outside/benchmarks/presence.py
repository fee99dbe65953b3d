"""Is it in the picture? Rows of an image, a question and the answer yes or no."""

from typing import ClassVar

from prunegrid import Adapter, Row, Task


class Presence(Adapter):
    """Prompt variants: `default` asks for yes or no, `plain` is the question alone."""

    scorer = "same"
    max_new_tokens = 4
    prompts = ("default", "plain")
    required_columns: ClassVar[dict[str, str]] = {"image": "image", "question": "text", "answer": "text"}
    options: ClassVar[dict[str, tuple[str, ...]]] = {"case": ("lower", "as_it_is")}

    def task(self, row: Row) -> Task:
        """Return what is asked of a row, and its answer."""
        question, answer = row.text("question"), row.text("answer")
        if self.spec.get("case", "lower") == "lower":
            answer = answer.lower()
        ending = "" if self.prompt == "plain" else "\nAnswer yes or no."
        return Task(question + ending, question, answer=answer)
