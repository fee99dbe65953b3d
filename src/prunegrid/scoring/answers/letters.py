"""Rules that read the letter of an option off a text, one function per published rule."""

import re
import unicodedata
from collections.abc import Sequence

from prunegrid.data.prompt_texts import LETTERS

_STRIPPED = " \t\r\n.,;:!?*_`'\"()[]{}<>«»“”‘’„‚「」『』。、，；：！？…¿¡-–—|/\\"  # noqa: RUF001
# After these a capital A or I is the option, not the article or the pronoun.
_ABOUT_AN_OPTION = {"is", "or", "and", "because", "since", "would", "seems", "appears", "looks", "was"}
_ACRONYM = re.compile(r"(?:[A-Za-z]\.){2,}[A-Za-z]?")
_NAMED = re.compile(
    r"\b(?:answer|option|choice|letter)s?\b(?:\s+(?:is|are|would\s+be|should\s+be|must\s+be))?\s*[:=]?\s*"
    r"[\"'(\[*`<{]*([a-z])(?![\w'’-])",  # noqa: RUF001
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"[(\[{<]\s*([a-z])\s*[)\]}>]", re.IGNORECASE)
_LEADING = re.compile(r"^[\W_]*([a-z])\s*[).:\]](?![a-z]\.)", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


def contains(output: str, gold: str) -> bool:
    """FastV's A-OKVQA rule: the gold letter, a capital, occurs anywhere in the output, inside words too."""
    return gold in output


def equals(output: str, gold: str) -> bool:
    """HiMAP's ScienceQA rule: the output is the letter and nothing else (scripts strip white space)."""
    return output.strip() == gold


def lmms(output: str, gold: str) -> bool:
    """lmms-eval's ScienceQA rule as it is meant: the letter in either case, or a text that begins `X.`."""
    output = output.strip()
    if output.lower() == gold.lower():
        return True
    return len(output) >= 2 and output[0].isupper() and output[1] == "." and output[0] == gold


def lmms_lowered(output: str, gold: str) -> bool:
    """lmms-eval's ScienceQA rule as its code runs: lower-cased first, so that no text begins with `X.`."""
    return output.strip().lower() == gold.lower()


def llava(output: str, n_choices: int) -> str | None:
    """LLaVA's ScienceQA rule: `X`, `X. ...`, or one `The answer is X.`; anything else is unanswerable.

    The published script answers at random where it names no option; here that counts as wrong.
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


def letter(output: str, choices: Sequence[str]) -> str | None:
    """Return the option that a text names: its first standalone letter, else the option's own text.

    In this order: the whole output is a letter, or is an option's text; a letter in brackets, before
    a delimiter at the start, or after "answer" or "option"; the first capital letter that stands
    alone; an option's text within the output, the earliest and there the longest. A capital A (or I)
    in front of a word is an article (a pronoun), and decides only where nothing else does.

    Parameters
    ----------
    output : str
        Generated text, in any script; full-width letters and brackets count as plain ones.
    choices : sequence of str
        The options, A first.

    Returns
    -------
    str or None
        One of the letters of `choices`, or None if the text names none of them.
    """
    text = _plain(output)
    valid = LETTERS[: len(choices)]
    core = text.strip(_STRIPPED)
    if len(core) == 1 and core.upper() in valid:
        return core.upper()
    if (whole := _whole_option(core, choices)) is not None:
        return LETTERS[whole]
    strong, weak = _standalone(text, valid)
    if strong is not None:
        return strong
    if (inside := _option_inside(text, choices)) is not None:
        return LETTERS[inside]
    return weak


def _plain(text: str) -> str:
    """Full-width to plain characters, no invisible ones, one space for any white space."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(text.split())


def _standalone(text: str, valid: str) -> tuple[str | None, str | None]:
    """Return the first letter that surely names an option, and the first one that only may."""
    candidates = [
        (match.start(1), match.group(1).upper())
        for pattern in (_BRACKETED, _LEADING, _NAMED)
        for match in pattern.finditer(text)
        if not _is_article(text, match.start(1)) and not _in_acronym(text, match.start(1))
    ]
    doubtful: list[tuple[int, str]] = []
    for position, character in enumerate(text):
        if character in LETTERS and _stands_alone(text, position) and not _in_acronym(text, position):
            (doubtful if _is_article(text, position) else candidates).append((position, character))
    strong = min((c for c in candidates if c[1] in valid), default=(0, None))[1]
    weak = next((c for _, c in doubtful if c in valid), None)
    return strong, weak


def _stands_alone(text: str, position: int) -> bool:
    before, after = text[position - 1 : position], text[position + 1 : position + 2]
    if _joins(before) or _joins(after):
        return False
    # A-frame, B's: part of a word.
    return not (after in ("-", "'", "’") and _joins(text[position + 2 : position + 3]))  # noqa: RUF001


def _joins(character: str) -> bool:
    """Whether a neighbour makes a letter part of a word: scripts without case do not."""
    return character.isdigit() or character.lower() != character.upper()


def _in_acronym(text: str, position: int) -> bool:
    return any(match.start() <= position < match.end() for match in _ACRONYM.finditer(text))


def _is_article(text: str, position: int) -> bool:
    if text[position] not in "AaI":
        return False
    following = re.match(r" ([^\W\d_]+)", text[position + 1 :])
    if not following or len(following.group(1)) == 1:
        return False
    return following.group(1) not in _ABOUT_AN_OPTION


def _whole_option(core: str, choices: Sequence[str]) -> int | None:
    said = core.casefold()
    for number, choice in enumerate(choices):
        if said and said == _plain(choice).strip(_STRIPPED).casefold():
            return number
    return None


def _option_inside(text: str, choices: Sequence[str]) -> int | None:
    words = _WORD.findall(text.casefold())
    found = []
    for number, choice in enumerate(choices):
        wanted = _WORD.findall(_plain(choice).casefold())
        starts = (i for i in range(len(words)) if words[i : i + len(wanted)] == wanted)
        if wanted and (start := next(starts, None)) is not None:
            found.append((start, -len(wanted), number))
    return min(found)[2] if found else None
