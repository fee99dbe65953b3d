"""The rule `stated`: whether a free text says yes or no."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prunegrid.scoring.answers.plain import own_turn

_YES = re.compile(
    r"\b(?:yes|yeah|yep|yup|yea|affirmative|indeed|sure|certainly|true|correct|sí|oui|ja|да|sim)\b(?!-\w)|是的|はい|有的|예|نعم",
    re.IGNORECASE,
)
# "No" as a word of its own, not the "no" of "no cat", which is read as a statement.
_NO = re.compile(
    r"(?:^|(?<=[\s\"'(\[*:,.!?{>_]))(?:no|nope|nah|negative|false|incorrect|nein|non|não|нет)(?!\.\s?\d)(?=[\"')\]}*_<$]*\s*(?:$|[.,;:!?\n(…–—-])|"  # noqa: RUF001
    r"\s+(?:wait|sorry|there|it|they|he|she|i|we|that|this|you|the|an?|because|since|as|but|or|and|in|on|not|hay|es|"
    r"actually|based|visible)\b)|不是|没有|いいえ|아니요",
    re.IGNORECASE,
)
_UNSAID = re.compile(
    r"\byes\s?(?:/|or|and|&|\|)\s?no\b|\bno\s?(?:/|or|and|&|\|)\s?yes\b|\bneither\syes\snor\sno\b|\bnot\s(?:a\s)?(?:yes|no)\b|"
    r"\bno\s(?:doubt|problem|idea|way\sto|matter|question|clue|other|answer|comment|one\sknows|information|image)\b|"
    r"\bnot\s(?:sure|certain|clear|possible|enough|able)\b(?:\s(?:if|whether|that|what)[^.!?\n,;:]*)?|"
    r"\b(?:cannot|can't|can\snot|unable\sto|couldn't)\s(?:tell|say|determine|answer|see\sthe\simage|view|be\sdetermined|"
    r"help|confirm|be\ssure)[^.!?\n,;:]*|\b(?:don't|do\snot)\sknow\b[^.!?\n,;:]*|\bsure\s(?:if|whether)\b[^.!?\n,;:]*|"
    r"\b(?:if|whether)\b[^.!?\n,;:]*",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"\bno\s\w|\bnot\b(?!\sonly)|n't\b|\bcannot\b|\bnone\b|\bnothing\b|\bnowhere\b|\bnobody\b|\bnever\b|\bwithout\b|\babsent\b|"
    r"\bmissing\b|\blacks?\b|\bneither\b|\bzero\b|不|没",
    re.IGNORECASE,
)
_POSITIVE = re.compile(
    r"\b(?:there(?:'s|\s(?:is|are|was|were|appears?\sto\sbe|seems?\sto\sbe))|(?:it|that|this|he|she)\s(?:is|does|has)|it's|"
    r"they\s(?:are|do|have)|i\s(?:can\s|do\s|clearly\s|also\s)*see|(?:is|are)\s(?:clearly\s|also\s|indeed\s)?(?:present|visible|shown|there|"
    r"in\sthe)|(?:image|picture|photo)\s(?:clearly\s|also\s)?(?:shows|contains|has|features|includes|depicts))\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(r"(?:\bnot|n't|\bnever)\s(?:\w+\s)?$", re.IGNORECASE)
_DOUBT = re.compile(
    r"\b(?:maybe|perhaps|possibly|might|may\s(?:be|have|not)|could\s(?:be|have)|hard\sto|difficult\sto|unclear|unsure|"
    r"unknown|uncertain|ambiguous)\b",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"\b(?:wait|actually|hold\son|scratch\sthat|correction|sorry|oops|my\smistake|on\ssecond\sthoughts?|i\smean|i\smeant|"
    r"i\swas\swrong|let\sme\s(?:re\w+|correct|check\sagain)|looking\s(?:again|closer|more\sclosely)|hmm|make\sthat|or\srather|"
    r"oh|final\sanswer|(?:so|therefore|thus|hence|the)\s(?:the\s)?(?:final\s|correct\s|my\s)*answer)\b|…|\.\.+",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[^.!?;\n…]+[.!?;\n…]*")


@dataclass(frozen=True)
class _Claim:
    start: int
    answer: str


def stated(output: str) -> str | None:
    """Return "yes" or "no" as a text states it, or None.

    Words that are an answer ("yes", "nope") come before statements ("there is no cat"). What a question
    within the text asks is no answer, nor is what stands in doubt. A correction or a conclusion takes back what
    stands before it, if an answer follows. Both yes and no, or "yes" and at once the opposite ("Yes, there is no cat"), is
    no answer.

    Parameters
    ----------
    output : str
        Generated text.

    Returns
    -------
    str or None
        "yes", "no", or None.
    """
    text = own_turn(output)
    readable = _UNSAID.sub(lambda match: "_" * len(match.group()), text)
    said = _words(readable)
    told = _statements(readable)
    last = _last_correction(text, [claim.start for claim in said] or [claim.start for claim in told])
    said = [claim for claim in said if claim.start >= last]
    answers = {claim.answer for claim in said or [claim for claim in told if claim.start >= last]}
    if len(answers) != 1:
        return None
    answer = answers.pop()
    if said and answer == "yes" and _denies_itself(readable, said, told):
        return None
    return answer


def _words(text: str) -> list[_Claim]:
    """Return where words that are an answer stand, outside questions."""
    questions = [clause.span() for clause in _CLAUSE.finditer(text) if _asks(clause.group())]
    claims = []
    for pattern, answer in ((_YES, "yes"), (_NO, "no")):
        for match in pattern.finditer(text):
            place = match.start()
            if any(start <= place < end for start, end in questions):
                continue
            denied = answer == "yes" and bool(_DENIAL.search(text[:place]))
            claims.append(_Claim(place, "no" if denied else answer))
    return sorted(claims, key=lambda claim: claim.start)


def _asks(clause: str) -> bool:
    """Whether a clause is a question, and more than the word of an answer with a mark of doubt."""
    return clause.rstrip().endswith("?") and len(clause.split()) > 1


def _statements(text: str) -> list[_Claim]:
    claims = []
    for clause in _CLAUSE.finditer(text):
        content = clause.group()
        if _asks(content) or _DOUBT.search(content):
            continue
        if match := _NEGATIVE.search(content):
            claims.append(_Claim(clause.start() + match.start(), "no"))
        elif match := _POSITIVE.search(content):
            claims.append(_Claim(clause.start() + match.start(), "yes"))
    return claims


def _last_correction(text: str, starts: Sequence[int]) -> int:
    """Return where the last correction begins that has a claim before and after it, else 0."""
    places = [match.start() for match in _CORRECTION.finditer(text)]
    between = [p for p in places if any(s < p for s in starts) and any(s >= p for s in starts)]
    return max(between, default=0)


def _denies_itself(text: str, said: Sequence[_Claim], told: Sequence[_Claim]) -> bool:
    """Whether "yes" goes on, in its own clause, to say that there is none."""
    return any(
        re.match(
            r"\w+[\"'*)]*[,:]?\s(?:there\s(?:is|are|was|were)(?:\s(?:no|not)\b|n't)|(?:it|they)\s(?:is|are)(?:\snot\b|n't)|"
            r"there\s(?:isn't|aren't)|no\b)",
            text[claim.start :],
            re.IGNORECASE,
        )
        for claim in said
    )
