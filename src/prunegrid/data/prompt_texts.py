"""Prompt texts of the published evaluations, word for word (docs/protocols.md, Prompts).

One function a form. An adapter picks the form; the model's own chat template adds the rest.
"""

from collections.abc import Sequence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

CAPTION = "Provide a one-sentence caption for the provided image."
# Of studies of hallucinated objects, and lmms-eval's coco_cap_chair.
DESCRIPTION = "Please describe this image in detail."

_REGION = "Please provide the bounding box coordinate of the region this sentence describes: "
# Who asks so -> the text around an expression: LLaVA's instruction data (arXiv 2310.03744); lmms-eval's
# refcoco_bbox_rec_* at 0.7.3; InternVL's evaluate_grounding.py; the authors of Qwen3-VL, in its issue 1721.
BOXES = {
    "llava": _REGION + "{}",
    "lmms": "Bounding box coordinates are specified in the format (top-left x, top-left y, bottom-right x, "
    "bottom-right y). All values are floating point numbers bounded between 0 and 1. " + _REGION + "{}",
    "internvl": _REGION + "<ref>{}</ref>",
    "qwen": 'Locate every object that matches the description "{}" in the image. Report bbox coordinates in '
    "JSON format.",
}

_LETTER_ONLY = "Answer with the option's letter from the given choices directly."


def yes_no(question: str) -> str:
    """Return POPE's prompt, also LLaVA's for short answers."""
    return f"{question}\nAnswer the question using a single word or phrase."


def lettered(question: str, choices: Sequence[str], context: str = "") -> str:
    """Return LLaVA's multiple-choice prompt, with ScienceQA's `Context:` line if there is one."""
    lines = [f"Context: {context}"] if context else []
    lines.append(question)
    lines += [f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False)]
    return "\n".join([*lines, _LETTER_ONLY])


def options_in_brackets(question: str, choices: Sequence[str]) -> str:
    """Return FastV's A-OKVQA prompt: the options in one line, each letter in brackets."""
    options = " ".join(f"({letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
    return (
        "Analyse the image and choose the best answer for the following question:\n"
        f"{question}\nOptions: {options}\nJust output the letter of the correct answer."
    )
