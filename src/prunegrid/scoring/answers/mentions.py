"""Where a text mentions the options of a question: by their letters, or by their own words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prunegrid.data.prompt_texts import LETTERS
from prunegrid.scoring.answers.phrases import any_of
from prunegrid.scoring.answers.plain import plain

# Words after which a capital A or I is the option, not the article or the pronoun.
_AFTER_AN_OPTION = frozenset(
    """
    is isn or and nor because since as seems appears looks would wouldn was wasn could couldn might may
    must can cannot should shouldn does doesn has hasn fits matches shows but not also clearly
    definitely probably obviously actually only sounds makes describes says refers for due rather over
    if it were are aren either both vs versus plus und oder ou et ist est или
    """.split()  # noqa: SIM905
)
_AFTER_THE_PRONOUN = frozenset(
    """
    was would wouldn could couldn might may must can cannot should shouldn does doesn also clearly
    definitely probably actually only rather have am were not made say if
    """.split()  # noqa: SIM905
)
_LABELLED = re.compile(r"\b(?:option|choice|letter|answer is|answer:)[\"' (*]*$", re.IGNORECASE)

# Words that make a name with the letter after them (vitamin C), and with the letter before them (C major).
_NAME_BEFORE = any_of("""
    vitamins? | provitamin | plans? | types? | grades? | hepatitis | influenza | class | groups?
    category | team | section | part | fig | figures? | panel | points? | rooms? | row | column
    exhibit | schedule | appendix | sizes? | cup | factor | zone | block | terminals? | gate | levels?
    tier | sides? | strain | route | lines? | buildings? | wing | shift | series | unit | programming in
    language | key of | got | gets? | getting | earned | received | scored | straight | apt | apartment
    suite | door | malcolm | mr | mrs | dr | degrees | spice | coefficient | variable | vertex
""")
_NAME_AFTER = any_of("""
    vitamins? | major | minor | flat | sharp | movies? | clef | students? | teams? | levels? | side
    sections? | cells? | grades? | average | battery | batteries | flats? | list | day | string | rays?
    shirts? | horizon | roads?
""")
_ONE_MORE = r"(?:[A-Z](?:, | and | or | & |/))*"
_COMPOUND_BEFORE = re.compile(rf"\b{_NAME_BEFORE}\.?[ \n]{_ONE_MORE}(?:an? )?[\"'(*]*$", re.IGNORECASE)
_COMPOUND_AFTER = re.compile(rf"[ -]{_NAME_AFTER}\b", re.IGNORECASE)
_ONE_OF_MANY = re.compile(r"\b(?:an?|An|my|his|her|their) [\"'(*]*$")
_SAYS_IT_IS = re.compile(r"\b(?:it's|is|answer|was|be) an? [\"'(*]*$", re.IGNORECASE)
_DEGREES = re.compile(r"(?:\d ?|° ?|º ?)$")
_ACRONYM = re.compile(r"(?:[A-Za-z]\.){2,}[A-Za-z]?|\bA[&/]C\b|\bb/c\b|\bN/?A\b|\bn/a\b")

# A small letter is an option only where something says so.
_ANNOUNCED = any_of("""
    answers? | ans | options? | choices? | letters? | choose | chose | pick | select | say | go with
    going with | guess | think | not | be | is | are | it's | that's | no | so | or | and | nor | either
    neither | both | with | for | on | but | actually | wait | than | of | maybe | perhaps
""")
_ANNOUNCED_A = any_of("""
    answer | option | choice | letter | choose | pick | select | go with | going with | say | be | not
    it's | is
""")
_BRACKETED = re.compile(r"[(\[{<] ?([a-z]) ?[)\]}>]", re.IGNORECASE)
_LEADING = re.compile(r"^[^\w\n]*([a-z]) ?(?:[).:\],]|$)(?![a-z]\.)", re.IGNORECASE | re.MULTILINE)
_NAMED = re.compile(
    rf"\b{_ANNOUNCED}\b ?[,:;=]? ?[\"'(\[*<{{]*([b-hj-z])(?![\w'-])(?!\. ?[a-z]\.)", re.IGNORECASE
)
_NAMED_A = re.compile(
    rf"\b{_ANNOUNCED_A}\b(?: is| are| would be| should be| must be)?[:=]? ?[\"'(\[*<{{]*(a)"
    r"(?= ?(?:$|[.,;:!?)\]}\"'*\n]))",
    re.IGNORECASE,
)
_PAIR = re.compile(r"(?<![\w'])([a-z])(?: ?[,/&] ?| or | and | nor |, or |, and )([a-z])(?![\w'])")

# Characters before and after a letter that are looked at.
_REACH = 60
_WORD = re.compile(r"\d+(?:[.,:/]\d+)+|[^\W_]+")
_LIKENESS = re.compile(r"-(?:like|ish|shaped|sized|colou?red|free)\b", re.IGNORECASE)
_CONTRACTED = re.compile(r"'s (?:not|right|correct|wrong|incorrect|better|the)\b")


@dataclass(frozen=True, order=True)
class Mention:
    """An option's letter, or its words, in a text.

    Attributes
    ----------
    start, end : int
        Where it stands, in characters.
    option : int
        Number of the option, from 0.
    over : int
        Where it is over: after the option's own words, if they follow its letter.
    """

    start: int
    end: int
    option: int
    over: int


def words(text: str) -> list[str]:
    """Return the words and numbers of a text, without case."""
    return _WORD.findall(text.casefold())


def text_mentions(text: str, choices: Sequence[str]) -> list[Mention]:
    """Return where options stand in their own words; of those that overlap the longest counts.

    Parameters
    ----------
    text : str
        In plain form.
    choices : sequence of str
        The options.

    Returns
    -------
    list of Mention
        In order.
    """
    places = [(match.group().casefold(), match.span()) for match in _WORD.finditer(text)]
    found = []
    for option, choice in enumerate(choices):
        wanted = words(plain(choice))
        for first in range(len(places) - len(wanted) + 1 if wanted else 0):
            if [word for word, _ in places[first : first + len(wanted)]] == wanted:
                end = places[first + len(wanted) - 1][1][1]
                if not _LIKENESS.match(text, end):
                    found.append(Mention(places[first][1][0], end, option, end))
    kept: list[Mention] = []
    within: set[int] = set()
    for mention in sorted(found, key=lambda m: (m.start - m.end, m.start, m.option)):
        covered = range(mention.start, mention.end)
        if within.isdisjoint(covered):
            kept.append(mention)
            within.update(covered)
    return sorted(kept)


def letter_mentions(text: str, choices: Sequence[str]) -> list[Mention]:
    """Return where options stand by their letters.

    A capital counts where it stands alone; a small letter only in brackets, at the start before a delimiter,
    or after a word that announces an option. Articles, pronouns, parts of names and of options' own words
    do not.

    Parameters
    ----------
    text : str
        In plain form.
    choices : sequence of str
        The options.

    Returns
    -------
    list of Mention
        In order.
    """
    taken = [m for m in text_mentions(text, choices) if m.end - m.start > 1]
    taken = [m for m in taken if _holds_a_letter(text[m.start : m.end])]
    found = {}
    within = {place for m in taken for place in range(m.start, m.end)}
    within |= {place for m in _ACRONYM.finditer(text) for place in range(*m.span())}
    for place in _letter_places(text):
        option = LETTERS.find(text[place].upper())
        if 0 <= option < len(choices) and place not in within and not _is_another_word(text, place):
            found[place] = Mention(place, place + 1, option, _over(text, place + 1, choices[option]))
    return [found[place] for place in sorted(found)]


def _over(text: str, place: int, choice: str) -> int:
    """Return where an option's own words end that follow its letter, else `place`."""
    wanted = plain(choice).casefold()
    between = re.match(r"[\"')\]}>*]*\s?[.:,=–—-]*\s?[\"'(*]*", text[place : place + _REACH])  # noqa: RUF001
    start = place + (between.end() if between else 0)
    same = bool(wanted) and start > place and text[start : start + len(wanted)].casefold() == wanted
    return start + len(wanted) if same else place


def _holds_a_letter(text: str) -> bool:
    """Whether an option's words hold one of a single letter that is no article, as in "vitamin C"."""
    single = {word for word in words(text) if len(word) == 1}
    return bool(single - {"a"}) or bool(re.search(r"\bA\b(?! [a-z])", text))


def _letter_places(text: str) -> Iterator[int]:
    for pattern in (_BRACKETED, _LEADING, _NAMED, _NAMED_A):
        for match in pattern.finditer(text):
            yield match.start(1)
    for match in _PAIR.finditer(text):
        yield from (match.start(1), match.start(2))
    for place, character in enumerate(text):
        if character in LETTERS and _stands_alone(text, place):
            yield place


def _stands_alone(text: str, place: int) -> bool:
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if _joins(before) or _joins(after) or (before in ("'", "-") and _joins(text[place - 2 : place - 1])):
        return False
    # A-frame, B's, C++: part of a word.
    if after == "+" and not text[place + 2 : place + 3].isalpha():
        return False
    if _CONTRACTED.match(text, place + 1):
        return True
    return not (after in ("-", "'") and _joins(text[place + 2 : place + 3]))


def _joins(character: str) -> bool:
    """Whether a neighbour makes a letter part of a word: scripts without case do not."""
    return character.isdigit() or character == "_" or character.lower() != character.upper()


def _is_another_word(text: str, place: int) -> bool:
    """Whether a letter that stands alone is an article, a pronoun, or part of a name or of a unit."""
    before, after = text[max(0, place - _REACH) : place], text[place + 1 : place + 1 + _REACH]
    if _COMPOUND_BEFORE.search(before) or _COMPOUND_AFTER.match(after):
        return True
    if text[place] in "CFK" and _DEGREES.search(before):
        return True
    if _ONE_OF_MANY.search(before) and (re.match(r" [a-z]", after) or not _SAYS_IT_IS.search(before)):
        return True
    return text[place] in "AaIi" and _is_article(text[place], before, after)


def _is_article(letter: str, before: str, after: str) -> bool:
    following = re.match(r"[*\"']* [\"'*(]*([^\W\d_]+)", after)
    if not following or len(following.group(1)) == 1:
        return letter == "i" and not re.match(r" ?[)\]}]", after)
    word = following.group(1).casefold()
    if letter in "Ii" and word in _AFTER_THE_PRONOUN:
        return True
    return word not in _AFTER_AN_OPTION and not (letter in "AI" and _LABELLED.search(before))
