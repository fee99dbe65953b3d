"""The final prompt text of every benchmark in every family's chat template, kept in `tests/fixtures/prompts`.

`python -m tests.families.prompts` (with PYTHONPATH=src:.) writes the files anew: read the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase, ProcessorMixin

from prunegrid import plugins
from prunegrid.data.rows import Row
from prunegrid.predict.chat import chat_text
from tests.families.checkpoints import RECIPES, template

FILES = Path(__file__).parents[1] / "fixtures/prompts"
DOG = {"question": "What does the dog hold?", "choices": ["a ball", "a shoe", "nothing"]}
# Heading -> adapter, settings, row, system prompt.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "aokvqa": ("aokvqa", {}, {**DOG, "correct_choice_idx": 1}, "none"),
    "aokvqa, prompt: llava": ("aokvqa", {"prompt": "llava"}, {**DOG, "correct_choice_idx": 1}, "none"),
    "scienceqa": ("scienceqa", {}, {**DOG, "answer": 1, "hint": ""}, "none"),
    "scienceqa with a hint": (
        "scienceqa",
        {},
        {**DOG, "answer": 1, "hint": "Dogs hold things\nwith their teeth."},
        "none",
    ),
    "pope": ("pope", {}, {"question": "Is there a dog in the image?", "answer": "yes"}, "none"),
    "nocaps": ("nocaps", {}, {"annotations_captions": ["A dog."]}, "none"),
    "flickr30k": ("flickr30k", {}, {"caption": ["A dog."]}, "none"),
    "vqa": ("vqa", {}, {"question": "What does the dog hold?", "answer": "a shoe"}, "none"),
    "vqa, prompt: plain": (
        "vqa",
        {"prompt": "plain"},
        {"question": "What does the dog hold?", "answer": "a shoe"},
        "none",
    ),
    "mcq": ("mcq", {}, {**DOG, "answer": "a shoe"}, "none"),
    "mcq, prompt: brackets": ("mcq", {"prompt": "brackets"}, {**DOG, "answer": "a shoe"}, "none"),
    "caption": ("caption", {}, {"references": ["A dog."]}, "none"),
    "pope, system_prompt: vicuna_v1": (
        "pope",
        {},
        {"question": "Is there a dog in the image?", "answer": "yes"},
        "vicuna_v1",
    ),
}


def question(case: str) -> str:
    """Return the user's text of a case."""
    adapter, settings, row, _ = CASES[case]
    made = plugins.load("benchmarks", adapter)({"adapter": adapter, "path": "unread.parquet", **settings})
    return made.task(Row(0, Path("unread.parquet"), row)).prompt


def rendered(templates: ProcessorMixin | PreTrainedTokenizerBase) -> dict[str, str]:
    """Return heading -> prompt."""
    return {case: chat_text(templates, question(case), CASES[case][3]) for case in CASES}


def from_tokenizer(family: str) -> dict[str, str]:
    """Return a family's prompts, without its processor."""
    tokenizer = RECIPES[family].tokenizer()
    tokenizer.chat_template = template(family)
    return rendered(tokenizer)


def as_text(prompts: dict[str, str]) -> str:
    """Return the content of a file: each prompt under its heading, with a mark where it ends."""
    return "".join(f"=== {case}\n{text}⏎\n" for case, text in prompts.items())


if __name__ == "__main__":
    for name in RECIPES:
        (FILES / f"{name}.txt").write_text(as_text(from_tokenizer(name)), encoding="utf-8")
