"""Multiple-choice questions of a user's own data set."""

from typing import ClassVar

from prunegrid.data import prompt_texts
from prunegrid.data.adapter import Adapter, Task, choices_of, letter_of
from prunegrid.data.rows import Row
from prunegrid.errors import DataError


class MCQ(Adapter):
    """Columns image or images, question, choices, answer; hint, question_id and image_id if there are.

    Prompt variants: `default` is LLaVA's lettered form, `brackets` FastV's. The answer is the option's
    letter, its number from 0, or its text. With `answer_form: auto` a number is an index, and a text may
    be any of the three, as long as no other choice has it as its letter, number or text.
    """

    scorer = "mcq"
    max_new_tokens = 16
    several_images = True
    prompts = ("default", "brackets")
    options: ClassVar[dict[str, tuple[str, ...]]] = {"answer_form": ("auto", "letter", "index", "text")}
    required_columns: ClassVar[dict[str, str]] = {
        "image": "image",
        "question": "text",
        "choices": "list of text or list of numbers",
        "answer": "text or integer",
    }
    optional_columns: ClassVar[dict[str, str]] = {
        "hint": "text",
        "question_id": "text or integer",
        "image_id": "text or integer",
    }
    id_columns = ("question_id",)

    def sample_id(self, row: Row) -> str:
        """Return the question id, or else the row number."""
        return str(row.number) if row.get("question_id") is None else row.identifier("question_id")

    def image_id(self, row: Row) -> str | None:
        """Return the image id, if there is one."""
        return None if row.get("image_id") is None else row.identifier("image_id")

    def task(self, row: Row) -> Task:
        """Ask with lettered options; a hint stands before the question."""
        question, choices = row.text("question"), choices_of(row)
        answer = self._letter(row, choices)
        if self.prompt == "brackets":
            prompt = prompt_texts.options_in_brackets(question, choices)
        else:
            prompt = prompt_texts.lettered(question, choices, context=row.optional_text("hint"))
        return Task(prompt, question, choices, answer)

    def _letter(self, row: Row, choices: tuple[str, ...]) -> str:
        form, answer = self.spec.get("answer_form", "auto"), row.identifier("answer").strip()
        letters = prompt_texts.LETTERS[: len(choices)]
        found = []
        if form in ("auto", "text"):
            found += [letter for letter, text in zip(letters, choices, strict=True) if text.strip() == answer]
        if form == "index" or (form == "auto" and not isinstance(row.get("answer"), str)):
            try:
                index = int(answer)
            except ValueError:
                raise DataError(
                    f"answer is {answer!r}, must be a number from 0 to {len(choices) - 1}"
                ) from None
            found.append(letter_of(index, choices, "answer"))
        elif form == "auto" and answer.isdecimal() and int(answer) < len(choices):
            found.append(letters[int(answer)])
        if form in ("auto", "letter") and len(answer) == 1 and answer.upper() in letters:
            found.append(answer.upper())
        if not found:
            meant = "a letter, number or text of a choice" if form == "auto" else f"the {form} of a choice"
            raise DataError(f"answer is {answer!r}, must be {meant}")
        if len(set(found)) > 1:
            raise DataError(
                f"answer {answer!r} may mean {' or '.join(dict.fromkeys(found))}: "
                "set `answer_form` to letter, index or text"
            )
        return found[0]
