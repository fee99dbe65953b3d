"""The rule `stated`: whether a free text says yes or no."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prunegrid.scoring.answers.phrases import any_of
from prunegrid.scoring.answers.plain import own_turn

_YES_WORD = any_of("""
    yes | yeah | yep | yup | yea | affirmative | indeed | sure | certainly | true | correct | sí | oui
    ja | да | sim
""")
_YES = re.compile(rf"\b{_YES_WORD}\b(?!-\w)|是的|はい|有的|예|نعم", re.IGNORECASE)
# Characters before a word that are looked at.
_REACH = 60
_DENIAL = re.compile(r"(?:\bnot|n't|\bnever)\s(?:\w+\s)?$", re.IGNORECASE)

# "No" as a word of its own, not the "no" of "no cat", which is read as a statement.
_NO_WORD = any_of("no | nope | nah | negative | false | incorrect | nein | non | não | нет")
_AFTER_NO = any_of("""
    wait | sorry | there | it | they | he | she | i | we | that | this | you | the | an? | because
    since | as | but | or | and | in | on | not | hay | es | actually | based | visible
""")
_NO = re.compile(
    rf"(?:^|(?<=[\s\"'(\[*:,.!?{{>_])){_NO_WORD}(?!\.\s?\d)"
    rf"(?=[\"')\]}}*_<$]*\s*(?:$|[.,;:!?\n(…–—-])|\s+{_AFTER_NO}\b)|不是|没有|いいえ|아니요",  # noqa: RUF001
    re.IGNORECASE,
)

# What holds yes, no or not and says neither; such phrases are blotted out before the text is read.
_TO_THE_END = r"[^.!?\n,;:]*"
_NEITHER = any_of(r"""
    yes\s?(?:/|or|and|&|\|)\s?no | no\s?(?:/|or|and|&|\|)\s?yes | neither yes nor no
    not (?:a )?(?:yes|no)
    no (?:doubt|problem|idea|way to|matter|question|clue|other|answer|comment|one knows|information|image)
""")
_UNKNOWN = any_of("""

(?:cannot|can't|can not|unable to|couldn't) (?:tell|say|determine|answer|see the image|view|be determined)
(?:cannot|can't|can not|unable to|couldn't) (?:help|confirm|be sure) | (?:don't|do not) know
sure (?:if|whether) | if | whether
""")
_UNSURE = any_of("sure | certain | clear | possible | enough | able")
_UNSAID = re.compile(
    rf"\b{_NEITHER}\b|\bnot\s{_UNSURE}\b(?:\s(?:if|whether|that|what){_TO_THE_END})?|\b{_UNKNOWN}\b{_TO_THE_END}",
    re.IGNORECASE,
)

_NONE = any_of(
    "not(?! only) | cannot | none | nothing | nowhere | nobody | never | without | absent | missing | lacks?"
    " | neither | zero"
)
_NEGATIVE = re.compile(rf"\bno\s\w|n't\b|\b{_NONE}\b|不|没", re.IGNORECASE)
_THERE_IS = any_of(r"""
    there(?:'s| (?:is|are|was|were|appears? to be|seems? to be))
    (?:it|that|this|he|she) (?:is|does|has) | it's | they (?:are|do|have)
    i (?:can |do |clearly |also )*see
    (?:is|are) (?:clearly |also |indeed )?(?:present|visible|shown|there|in the)
    (?:image|picture|photo) (?:clearly |also )?(?:shows|contains|has|features|includes|depicts)
""")
_POSITIVE = re.compile(rf"\b{_THERE_IS}\b", re.IGNORECASE)
_MAYBE = any_of("""
    maybe | perhaps | possibly | might | may (?:be|have|not) | could (?:be|have) | hard to
    difficult to | unclear | unsure | unknown | uncertain | ambiguous
""")
_DOUBT = re.compile(rf"\b{_MAYBE}\b", re.IGNORECASE)
_DENIES_ITSELF = re.compile(
    r"\w+[\"'*)]*[,:]?\s(?:there\s(?:is|are|was|were)(?:\s(?:no|not)\b|n't)|(?:it|they)\s(?:is|are)(?:\snot\b|n't)|"
    r"there\s(?:isn't|aren't)|no\b)",
    re.IGNORECASE,
)

_TAKEN_BACK = any_of(r"""
    wait | actually | hold on | scratch that | correction | sorry | oops | my mistake
    on second thoughts? | i mean | i meant | i was wrong | let me (?:re\w+|correct|check again)
    looking (?:again|closer|more closely) | hmm | make that | or rather | oh | final answer
    (?:so|therefore|thus|hence|the) (?:the )?(?:final |correct |my )*answer
""")
_CORRECTION = re.compile(rf"\b{_TAKEN_BACK}\b|…|\.\.+", re.IGNORECASE)
_CLAUSE = re.compile(r"[^.!?;\n…]+[.!?;\n…]*")


@dataclass(frozen=True)
class _Claim:
    start: int
    answer: str


def stated(output: str) -> str | None:
    """Return "yes" or "no" as a text states it, or None.

    Words that are an answer ("yes", "nope") decide before statements ("there is no cat"). What a question
    within the text asks is no answer, nor is what stands in doubt. A correction or a conclusion takes back
    what stands before it, if an answer follows. Both yes and no are no answer, nor is a "yes" that goes on
    to say the opposite ("Yes, there is no cat").

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
    if answer == "yes" and any(_DENIES_ITSELF.match(readable, claim.start) for claim in said):
        return None
    return answer


def _words(text: str) -> list[_Claim]:
    """Return where words that are an answer stand, outside questions."""
    asked = {
        place for clause in _CLAUSE.finditer(text) if _asks(clause.group()) for place in range(*clause.span())
    }
    claims = []
    for pattern, answer in ((_YES, "yes"), (_NO, "no")):
        for match in pattern.finditer(text):
            place = match.start()
            if place in asked:
                continue
            denied = answer == "yes" and bool(_DENIAL.search(text[max(0, place - _REACH) : place]))
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
    return max((place for place in places if starts and min(starts) < place <= max(starts)), default=0)
