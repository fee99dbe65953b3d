"""Rules that read the letter of an option off a text, one function per published rule."""

import re

from prunegrid.data.prompt_texts import LETTERS


def contains(output: str, gold: str) -> bool:
    """FastV's A-OKVQA rule: the gold letter, a capital, occurs anywhere in the output, inside words too.

    As published at 007c82e (2024-03-25).
    """
    return gold in output


def equals(output: str, gold: str) -> bool:
    """HiMAP's ScienceQA rule: the output is the letter and nothing else (scripts strip white space)."""
    return output.strip() == gold


def lmms(output: str, gold: str) -> bool:
    """lmms-eval's ScienceQA rule: the letter in either case, or a text that begins `X.`.

    As it is since 8ada805 (2025-07-04).
    """
    output = output.strip()
    if output.lower() == gold.lower():
        return True
    return len(output) >= 2 and output[0].isupper() and output[1] == "." and output[0] == gold


def lmms_lowered(output: str, gold: str) -> bool:
    """lmms-eval's former ScienceQA rule: lower-cased first, so that no text begins with `X.`.

    From f06f8e6 (2024-07-30) until 8ada805 (2025-07-04), its #723, which mended it; kept to compare with
    numbers of that year.
    """
    return output.strip().lower() == gold.lower()


def llava(output: str, n_choices: int) -> str | None:
    """LLaVA's ScienceQA rule: `X`, `X. ...`, or one `The answer is X.`; anything else is unanswerable.

    That counts as wrong, as in the published script since ce1aa08 (2023-10-11); before, it guessed.
    """
    output = output.strip()
    options = LETTERS[: min(n_choices, 5)]
    if len(output) == 1:
        letter = output
    elif output[1:3] == ". " and output[0] in "ABCDE":
        letter = output[0]
    else:
        found = re.findall(r"The answer is ([A-Z]).", output)
        letter = found[0] if len(found) == 1 else ""
    return letter if letter and letter in options else None
