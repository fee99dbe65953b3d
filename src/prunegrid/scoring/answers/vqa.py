"""VQA's accuracy over several human answers, as two programs have it (Antol et al. 2015, arXiv 1505.00468).

The official one is vqaEval.py of GT-Vision-Lab/VQA at a013f00 (2021-03-11); the other is `vqav2` of lmms-eval
since 28ea9a1 (2025-08-11). They differ in when they normalise, and in numbers that hold two commas in a row.
"""

import re
from collections.abc import Sequence

from prunegrid.scoring.answers.short import ARTICLES

_NUMBERS = "zero one two three four five six seven eight nine ten"
_DIGITS = {word: str(value) for value, word in enumerate(_NUMBERS.split())} | {"none": "0"}
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d", re.ASCII)
_COMMAS_IN_NUMBER = re.compile(r"\d,+\d")
_FULL_STOP = re.compile(r"\.(?!\d)", re.ASCII)
# The program hands a flag over where the number of replacements is expected; the flag's value is 32.
_FULL_STOPS_AT_MOST = 32
# Words that get back the one apostrophe that they lack. The official list also has "I'm", "I've" and
# "I'd've", which never apply: words are in lower case by then.
_RESTORED = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd
he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've
mustn't needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've
somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's something'd
something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're
they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd where's where've
who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all
y'all'd've y'all'll you'd you'd've you'll you're you've
"""
_CONTRACTIONS = {
    word[:place] + word[place + 1 :]: word
    for word in _RESTORED.split()
    for place, character in enumerate(word)
    if character == "'"
} | {"somebody'd": "somebodyd"}  # the wrong way round in the official list


def vqa_form(text: str, commas: re.Pattern[str] = _COMMA_IN_NUMBER) -> str:
    """Return the normal form of the VQA evaluation.

    A punctuation mark that stands beside a space anywhere in the text is dropped, and all are if a number
    holds a comma; others become a space. A full stop goes unless a digit follows, the first 32 of them. Then
    lower case; number words to ten and "none" become digits; articles go; missing apostrophes come back.
    """
    out = text
    drop_all = commas.search(text) is not None
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        out = out.replace(mark, "" if beside_space or drop_all else " ")
    out = _FULL_STOP.sub("", out, count=_FULL_STOPS_AT_MOST)
    words = (_DIGITS.get(word, word) for word in out.lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def lmms_form(text: str) -> str:
    """Return the normal form of lmms-eval: as `vqa_form`, but `1,,000` is a number that holds a comma too."""
    return vqa_form(text, _COMMAS_IN_NUMBER)


def official(output: str, references: Sequence[str]) -> float:
    """VQA's accuracy as the official program computes it.

    Over each choice of all references but one, min(1, equal ones / 3), averaged. Where all references are the
    same text, neither they nor the output are normalised: `Yes` is wrong where ten people said `yes`. Scripts
    that submit to the official server therefore normalise outputs first.

    Parameters
    ----------
    output : str
        Generated answer.
    references : sequence of str
        Human answers, ten in VQA; any number works.

    Returns
    -------
    float
        In [0, 1].
    """
    said, answers = _one_line(output), [_one_line(reference) for reference in references]
    if len(set(answers)) > 1:
        said, answers = vqa_form(said), [vqa_form(answer) for answer in answers]
    return _leaving_one_out([answer == said for answer in answers])


def lmms(output: str, references: Sequence[str]) -> float:
    """VQA's accuracy as lmms-eval computes it since 2025-08-11: as `official`, but always normalised."""
    said = lmms_form(_one_line(output))
    return _leaving_one_out([lmms_form(_one_line(reference)) == said for reference in references])


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def _leaving_one_out(matches: Sequence[bool]) -> float:
    total = sum(matches)
    return sum(min(1.0, (total - own) / 3) for own in matches) / len(matches)
