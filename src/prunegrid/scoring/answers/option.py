"""The rule `letter`: which option a free text gives as its answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from prunegrid.data.prompt_texts import LETTERS
from prunegrid.scoring.answers.mentions import Mention, letter_mentions, text_mentions, words
from prunegrid.scoring.answers.phrases import any_of
from prunegrid.scoring.answers.plain import own_turn, plain
from prunegrid.scoring.answers.stances import Stance, stance

_STRIPPED = " \t\r\n.,;:!?*_'\"()[]{}<>«»„‚「」『』。、，；：！？…¿¡-–—|/\\$~#"  # noqa: RUF001
_WRAPPED = re.compile(r"\\*\b(?:boxed|text|mathrm|textbf|mathbf)\b(?=\{)")
# "A. B. C." in a row, nothing else beside them.
_SERIES = re.compile(r"[A-Z][.;](?:[ \n][A-Z][.;]?)+")

# What stands between two options that are named in one breath.
_AND = any_of(r"""
    and/or | and | or | nor | und | oder | et | ou | y | o | e | и | или | 和 | 或者 | 或 | と
    または | vs\.? | versus | as well as | but (?:maybe |perhaps |possibly )?also
""")
_OPTION = r"(?: (?:both|either|even|also|the|an?|options?|answer|choice|letter|else|then|to|too))*"
_MAYBE = r"(?: (?:maybe|perhaps|possibly|alternatively|possible|it's|it is|(?:it )?(?:could|might) be))*"
_LINK = re.compile(
    r"^[\"')\]}>*]*(?:\.+(?=[)\]]| (?:or|and)\b)[)\]]?)?"
    rf"(?: ?(?:→|⇒|[-=]+>)| ?[,;/&+、-]|(?= )|(?: ?[,;]?)? ?[(\[]?{_AND}(?: or)?{_MAYBE}|"
    rf" ?, (?:or |and |nor )?(?:maybe|perhaps|possibly|alternatively|even)|, (?:and|or|nor){_MAYBE})"
    rf"{_OPTION}[ \"'(\[{{<*]*\Z",
    re.IGNORECASE,
)
_COMMA = re.compile(r"^[\"')\]}>*]*, ?[\"'(\[{<*]*\Z")
_JOINED = re.compile(r"\b(?:and|or|nor|und|oder|et|ou|as well as)\b|[/&+]", re.IGNORECASE)
# "A is wrong and so is B": the same is said of both.
_LIKEWISE = re.compile(
    r"^[^.;!?\n]{0,40}\b(?:and|,) ?(?:so|neither|nor) (?:is|are|was|were|could|can|might|may|would|does|do)"
    r" ?[\"'(*]*\Z",
    re.IGNORECASE,
)

# A letter at the start of the text is an answer before a delimiter, if no verb follows ("A) is a cat").
_START = re.compile(r"^[^\w]*(?:(?:option|choice|answer|letter)\b[\s:(\[*\"']*)?$", re.IGNORECASE)
_DELIMITER = re.compile(r"^[\"'*}>]*(?: ?[).:,\]–—=]| ?$| ?-(?!\w)|[*\n])")  # noqa: RUF001
_VERB = re.compile(
    r"^[^\w\n]*(?:is|are|was|were|isn't|could|might|may|would|shows?|depicts?|describes?|refers|seems?|looks?|"
    r"means|says)\b"
)

_TAKEN_BACK = any_of(r"""
    no,? ?wait | wait | hold on | hang on | actually | scratch that | strike that | correction
    my mistake | my bad | sorry | oops | whoops | on second thoughts? | (?:up)?on reflection
    upon (?:\w+ )?(?:look|inspection) | let me (?:re-?think|reconsider|correct|re-?check|change)
    i mean | i meant | make that | or rather | i take that back | i was wrong
    that(?:'s| is) (?:wrong|not right|incorrect) | chang(?:e|ed|ing) (?:my|the) (?:mind|answer)
    revised | looking (?:again|closer|more closely) | no[,.!]? (?:it's|it is|that's|the answer|i)
    no, (?=["'(*]*[a-z]\b) | nope | hmm | instead | then again | oh\b | edit: | i apologi[sz]e
    (?:my )?apologies | er\b | erm\b | uh\b | never ?mind | let me look | better:
""")
_CORRECTION = re.compile(rf"\b{_TAKEN_BACK}", re.IGNORECASE)
_CONCLUDED = any_of("""
    final | finally | so | therefore | thus | hence | in conclusion | overall | in short | in summary
    conclude | ultimately | in the end | to sum up
""")
_CONCLUSION = re.compile(rf"\b{_CONCLUDED}\b|\\boxed", re.IGNORECASE)
# Characters of a text that are looked at from a place.
_REACH = 200
_SENTENCE_END = re.compile(r"[.;!?]\s|\n")


@dataclass(frozen=True)
class _Claim:
    """Options named in one breath, and what is said of them."""

    start: int
    end: int
    options: frozenset[int]
    stance: Stance


def letter(output: str, choices: Sequence[str]) -> str | None:
    """Return the option that a text gives as its answer, by its letter or else in its own words.

    The whole text may be a letter or an option's words. Otherwise each mention of an option has a stance,
    from rejected to chosen; a correction takes back what stands before it; and the answer is the option of
    the highest stance. Options joined by "and", "or" or a comma are one mention of several, and
    several options of the highest stance are no answer. Letters decide before words do. What is only
    rejected answers nothing: "not A" of two options is not B.

    Parameters
    ----------
    output : str
        Generated text, in any script; full-width letters and brackets count as plain ones.
    choices : sequence of str
        The options, A first.

    Returns
    -------
    str or None
        One of the letters of `choices`, or None if the text names none of them, or several alike.
    """
    text = own_turn(output)
    if _SERIES.fullmatch(text):
        text = re.sub(r"[.;\s]+", " ", text)
    core = _WRAPPED.sub("", text).strip(_STRIPPED)
    if len(core) == 1 and core.upper() in LETTERS[: len(choices)]:
        return core.upper()
    if (whole := _whole_option(core, choices)) is not None:
        return LETTERS[whole]
    by_letter = _without_lists(text, letter_mentions(text, choices), choices)
    for mentions in (by_letter, text_mentions(text, choices)):
        claims = _claims(text, mentions)
        if any(claim.stance > Stance.REJECTED for claim in claims):
            options = _answer(text, _uncorrected(text, claims))
            return LETTERS[next(iter(options))] if len(options) == 1 else None
    return None


def _whole_option(core: str, choices: Sequence[str]) -> int | None:
    said = core.casefold()
    for number, choice in enumerate(choices):
        if said and said == plain(choice).strip(_STRIPPED).casefold():
            return number
    return None


def _without_lists(text: str, mentions: list[Mention], choices: Sequence[str]) -> list[Mention]:
    """Leave out letters of a list of options: one and the next, with the first one's own words between."""
    listed = set()
    for one, other in pairwise(mentions):
        between = words(text[one.end : other.start])
        if other.option == one.option + 1 and between and between == words(plain(choices[one.option])):
            listed |= {one, other}
    return [mention for mention in mentions if mention not in listed]


def _claims(text: str, mentions: list[Mention]) -> list[_Claim]:
    """Join mentions that are named in one breath."""
    claims: list[_Claim] = []
    group: list[Mention] = []
    for mention in mentions:
        gap = text[group[-1].over : mention.start] if group else ""
        if group and not _goes_on(text, group, mention):
            claims += _of_group(text, group)
            group = []
            if _LIKEWISE.match(gap):
                before = claims.pop()
                options = before.options | {mention.option}
                claims.append(_Claim(before.start, mention.end, options, before.stance))
                continue
        group.append(mention)
    return claims + (_of_group(text, group) if group else [])


def _goes_on(text: str, group: list[Mention], mention: Mention) -> bool:
    """Whether a mention is one more of a group: "A, B and" C, but not "A, B and C," A nor "A and B," C."""
    gap = text[group[-1].over : mention.start]
    options = {one.option for one in group}
    again = len(options) > 1 and mention.option in options
    closed = len(group) > 1 and _JOINED.search(text[group[-2].over : group[-1].start]) and _COMMA.match(gap)
    return bool(_LINK.match(gap)) and not again and not closed


def _of_group(text: str, group: list[Mention]) -> list[_Claim]:
    first, last = group[0], group[-1]
    before, after = stance(text, first.start, first.start), stance(text, last.start, last.end)
    if len(group) == 2:
        # "not A, B" and "it's B and A is wrong": one against the other; "not A or B": both.
        apart = after == Stance.CHOSEN or not _JOINED.search(text[first.over : last.start])
        if before == Stance.REJECTED and apart:
            after = max(after, Stance.NAMED)
        if (before == Stance.REJECTED and apart) or (before == Stance.CHOSEN and after == Stance.REJECTED):
            return [
                _Claim(first.start, first.end, frozenset({first.option}), before),
                _Claim(last.start, last.end, frozenset({last.option}), after),
            ]
    together = stance(text, first.start, last.end)
    return [_Claim(first.start, last.end, frozenset(mention.option for mention in group), together)]


def _uncorrected(text: str, claims: list[_Claim]) -> list[_Claim]:
    """Leave out what a correction takes back: what stands before it, if something else is said after it."""
    first = min(claim.end for claim in claims)
    last = max((claim.start for claim in claims if claim.stance >= Stance.NAMED), default=-1)
    corrected = [match.start() for match in _CORRECTION.finditer(text) if first <= match.start() <= last]
    return [claim for claim in claims if claim.start >= max(corrected, default=0)]


def _answer(text: str, claims: list[_Claim]) -> frozenset[int]:
    """Return the options of the highest kind: one is an answer, several are none."""
    chosen = [claim for claim in claims if claim.stance == Stance.CHOSEN]
    leading = [claim for claim in claims[:1] if _leads(text, claim)]
    if len(_options(chosen + leading)) > 1:
        concluded = [claim for claim in chosen if _concludes(text, claim)]
        if concluded:
            return concluded[-1].options
    if chosen or leading:
        return _narrowed(chosen + leading)
    for kind in (Stance.LIKELY, Stance.NAMED, Stance.POSSIBLE):
        if of_kind := [claim for claim in claims if claim.stance == kind]:
            return _narrowed(of_kind)
    return frozenset()


def _narrowed(claims: list[_Claim]) -> frozenset[int]:
    """Return all options of claims, or the one that comes after a choice between several: "A or B? B."."""
    several = max((claim.start for claim in claims if len(claim.options) > 1), default=-1)
    later = _options([claim for claim in claims if claim.start > several])
    return later if len(later) == 1 and later <= _options(claims[:1]) else _options(claims)


def _leads(text: str, claim: _Claim) -> bool:
    after = text[claim.end : claim.end + _REACH]
    return (
        claim.stance >= Stance.NAMED
        and len(claim.options) == 1
        and bool(_START.match(text[: claim.start]))
        and bool(_DELIMITER.match(after))
        and not _VERB.match(after)
    )


def _concludes(text: str, claim: _Claim) -> bool:
    before = text[max(0, claim.start - _REACH) : claim.start]
    start = max((match.end() for match in _SENTENCE_END.finditer(before)), default=0)
    return bool(_CONCLUSION.search(before[start:]))


def _options(claims: Sequence[_Claim]) -> frozenset[int]:
    return frozenset().union(*(claim.options for claim in claims))
