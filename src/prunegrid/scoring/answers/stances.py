"""What a text says of an option that it mentions: chosen, likely, named, possible, or rejected.

Verdicts are read in English, and the few words of other languages that docs/protocols.md lists. Expressions
whose name ends in BEFORE are searched for at the end of what stands before the mention, those in AFTER at the
beginning of what follows it.
"""

import re
from enum import IntEnum

from prunegrid.scoring.answers.phrases import any_of, repeated


class Stance(IntEnum):
    """What a text says of an option, from no to yes."""

    REJECTED = 0
    POSSIBLE = 1
    NAMED = 2
    LIKELY = 3
    CHOSEN = 4


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# Between the words and the option: "not the best option (", "is clearly".
_LABEL = repeated("""
    the | an? | any | letter | options? | answers? | choices? | correct | right | best | image | picture
    #
""")
_ADVERB = repeated("""
    clearly | definitely | obviously | probably | likely | most | very | simply | just | really
    certainly | surely | also | both | all | actually | always | indeed | still | then | here | thus
    therefore | now | necessarily | quite | even | ever | either | again | totally | completely | each
    undoubtedly | in fact | hence
""")
_OPEN = r"[\s\"'(\[{<*$\\]*$"
_CLOSE = r"^[\"')\]}>*.$]*\s*"
_BE = any_of(
    "is | are | was | were | be | seems? | looks? | appears? | sounds? | must be | would be | has to be"
    " | seems? to be | 's | ist | es | est | è | é"
)
_WRONG = any_of(r"""
    incorrect | wrong | false | untrue | ruled out | eliminated | excluded | out\b | impossible
    unlikely | improbable | irrelevant | inaccurate | invalid | nonsense | misleading | implausible
    a distractor | absurd | off\b | unrelated | no good | mistaken | less \w+ | worse | too \w+
    the wrong | an? wrong | an? incorrect | an? bad | unsupported | falsch | incorrecta | faux
    errat[ao]
""")
_RIGHT = (
    r"(?:(?:the\s|my\s|an?\s|our\s)?"
    + repeated("only | most | more | single | final | obvious | clear")
    + any_of(r"""
        correct | right | best | true | accurate | better | answer | choice | one\b | it\b | pick
        winner | good | likely | appropriate | match | fit\b | probable | guess | reasonable | response
        solution | option that fits | valid | obvious | preferred | closest | plausible answer | richtig
        korrekt | correcta? | exacte? | giusta | certa | верно | правильн\w+
    """)
    + "|what)"
)
_NOT = any_of(r"""
    not | never | hardly | refused? to | decline to | scarcely | cannot | no way | by no means | can not
    \w+n't | neither | nor | nicht | kein | keine | pas | no es | no | non | não | não é | не | 不是 | 不选
    并非
""")
# A negated verb may stand between: "I don't think it is B".
_NEGATED = repeated("""
    be | been | is | are | it | it's | that | to | think | believe | say | choose | pick | select | want
    go | with | going | support | agree | mean | have | was | as | for | see | would | consider
    recommend | use | take | the answer | show | depict | contain | match | fit
""")

_AGAINST = any_of(r"""
    rul(?:e|es|ed|ing) out | eliminat\w+ | exclud\w+ | except(?: for)? | excepting | rather than
    instead of | other than | unlike | against | reject\w* | discard\w* | dismiss\w*
    cross(?:ed|ing)? out | all but | anything but | everything but | nothing like | far from
    wrong(?: answer)? (?:is|are|would be)
    (?:incorrect|wrong|false|bad) (?:answers?|options?|choices?|ones?)\s?(?:is|are|include|:)?
    (?:more|better|rather|closer|likelier|stronger) (?:\w+ ){0,3}?than | better than | over | skip
    forget | ignore | drop | avoid | beats | wrong to (?:say|pick|choose|select|go with) | trumps
    edges out | contrary to | tempted by | fooled by
""")
_REJECTED_BEFORE = _compiled(
    rf"(?:\b{_NOT}\s{_ADVERB}{_NEGATED}{_ADVERB}{_LABEL}|(?:不是|并非|不选)\s*|\b{_AGAINST}\s{_ADVERB}{_LABEL}|"
    rf"\b(?:wrong|incorrect|false)\s?[:=]\s?|\bnot:\s?){_OPEN}"
)
_YES_IN_SPITE = any_of(r"""
    none other than | nothing but | no(?:thing)? other than
    no doubt(?: (?:it is|it's|that it is|about))? | can(?:not|'t) be anything (?:but|other than)
    (?:less|worse|weaker) (?:\w+ ){0,3}?than | worse than | no other (?:answer|option|choice) than
    not anything (?:but|other than) | (?:none|nothing|no \w+) (?:\w+ ){0,4}?(?:but|except(?: for)?)
""")
_CHOSEN_IN_SPITE_BEFORE = _compiled(rf"\b{_YES_IN_SPITE}\s{_LABEL}{_OPEN}")
_MAYBE_IN_SPITE = any_of(
    r"can(?:not|'t) (?:rule out|exclude|eliminate) | not (?:only|just) | why not"
    r" | not sure (?:if|whether) \w+"
)
_POSSIBLE_IN_SPITE_BEFORE = _compiled(rf"\b{_MAYBE_IN_SPITE}\s{_LABEL}{_OPEN}")
_MAYBE = any_of(r"""
    (?:could|might|may|can) (?:\w+ ){0,2}?(?:be|choose|pick|say|argue(?: for)?) | maybe | perhaps
    possibly | potentially | conceivably | at first | initially | originally | thought
    first instinct(?: was)? | tempted to say | tempting to (?:say|pick|choose) | if | whether | unless
    first guess(?: was)? | were it | suppose | supposing | assuming | consider | considered
    considering | was going to say | was | besides | compared (?:to|with) | like | as well as | between
    from | (?:some|people|others) (?:(?:might|may|would) )?say
""")
_MAYBE_WHAT = repeated("""
    it | it's | is | were | was | that | for | to | the answer | answer is | answer was | say | choose
    pick | had | i | i'd | i would | would
""")
_POSSIBLE_BEFORE = _compiled(rf"\b{_MAYBE}\s{_MAYBE_WHAT}{_ADVERB}{_LABEL}{_OPEN}")
_IT_IS = any_of(r"""
    (?<!there )is | (?<!there )are | be | it's | that's | this's | answer's | answers? | ans | answer as
    solution | response | verdict | conclusion | choose | chose | pick | picking | select | selecting
    choosing | selected | picked | chosen | opt for | went with | go with | going with | go for
    going for | goes to | settle on | settling on | stick with | sticking with | stand by
    vote (?:is )?for | say | therefore | thus | hence | so | i think | i believe | i guess | probably
    likely | definitely | certainly | surely | final | correct(?: one)?(?: option| choice| letter)?
    right(?: one)? | best(?: one)?(?: option| choice| letter)? | only | leaves | leaving
    leaves us with | conclude | make it | make that | points to | indicates
    leaning (?:toward|towards|to) | lean (?:toward|towards|to) | prefer | mark | marking | respuesta
    réponse | antwort | lösung | risposta | resposta | ответ | opción | es | est | ist | è | é | это
""")
_IT_IS_ELSEWHERE = any_of("答案 | 正解 | 答え | إجابة | 选 | 選 | 選択肢は | 回答 | 정답")
_IT_IS_WHAT = repeated("""
    is | are | would be | should be | must be | has to be | will be | with | for | it | it's | it is
    therefore | thus | clearly | definitely | most | likely | probably | in fact | indeed | that
    i think | i believe | es | est | ist | è
""")
_BOXED = r"\\boxed\{(?:\\text\{|\\mathrm\{|\\textbf\{)?\s?$"
_ARROW = r"(?:=+|-+|→|⇒)\s?>?\s?$"
_CHOSEN_BEFORE = _compiled(
    rf"(?:(?:\b{_IT_IS}|{_IT_IS_ELSEWHERE})\s*(?:是|为|は|은|는)?(?:\s?[:=,]+\s?|\s?-+>\s?|\s)*"
    rf"{_IT_IS_WHAT}{_ADVERB}{_LABEL}[,:]?{_OPEN}|{_BOXED}|{_ARROW})"
)

# A verdict after a mark: "A: no", "(A) false", "A? No, ...".
_PAUSE = r"(?:\s?[:\-–—=?(,]+\s?|[)\]}]\s+)"  # noqa: RUF001
_STOP = r"\s?[.!]+\s?"
_THAT_IS = r"(?:(?:that's|this\sis|that\sis|it's|is)\s)?"
_NO_WORD = (
    r"(?:no|nope|nah)(?=\s?(?:[,.!;:)\-–—\n]|$)|\s(?:wait|sorry|it|that|actually|i|this|not|the\sanswer))"  # noqa: RUF001
)
_NO_VERDICT = any_of(
    "not (?:correct|right|true|it|this|that|quite|likely) | incorrect | wrong | false | eliminated"
    " | ruled out | excluded | i doubt | i don't think"
)
_YES_VERDICT = any_of("""
    yes | yep | true | right | correct | definitely | of course | for sure | without (?:a )?doubt
    final answer | bingo
""")
_NO_AFTER = _compiled(
    rf"^[\"'>*]*(?:{_PAUSE}|{_STOP})+{_THAT_IS}(?:{_NO_WORD}|{_NO_VERDICT}\b|[✗✘❌×])|^\s?[✗✘❌]"  # noqa: RUF001
)
_YES_AFTER = _compiled(
    rf"^[\"'>*]*(?:{_STOP}(?:yes|true|correct|right)(?=[.,;!\n]|$)|{_PAUSE}+{_THAT_IS}(?:{_YES_VERDICT}\b|[✓✔✅]))|"
    rf"^\s?[✓✔✅]|^\s(?:for\ssure|definitely|obviously|of\scourse|without\s(?:a\s)?doubt|please|final\sanswer)\b"
)
_NOT_VERB = any_of(r"""
    (?:is|are|was|were|does|do|did|has|have|ca|wo|would|could|should|must)\s?n't | cannot | can not
    (?:does|do|did|will|would|could|should|must|can) (?:not|never) | fails? | contradicts? | makes? no
    lacks? | misses | has nothing | have nothing | ist nicht | no es | n'est pas | não é | non è | 不对
    不正确 | 错
""")
_NOT_AFTER = _compiled(
    rf"{_CLOSE}(?:(?:which|that|they|it)\s)?(?:{_BE}\s{_ADVERB}(?:not|never)\b|{_NOT_VERB}\b)"
)
_NOT_WRONG_AFTER = _compiled(
    rf"{_CLOSE}(?:{_BE}\s{_ADVERB}not\s|(?:is|are|was|were)\s?n't\s|cannot\sbe\s|can't\sbe\s){_ADVERB}{_WRONG}"
)
_WRONG_AFTER = _compiled(
    rf"{_CLOSE}(?:{_BE}\s{_ADVERB}{_WRONG}|(?:can|could|should|may)\sbe\s(?:ruled\sout|eliminated|excluded|discarded|"
    r"rejected|dismissed)|goes\sout|(?:我)?(?:不对|错误|错了|是错))"
)
_MAYBE_TOO = any_of(r"""
    possible | plausible | tempting | close | an? option | a possibility | conceivable | second\b
    a candidate | a contender | a close | partly | partially | similar
    also (?:possible|plausible|tempting) | arguable
""")
_POSSIBLE_AFTER = _compiled(
    rf"{_CLOSE}(?:(?:could|might|may)\b|{_BE}\s{_ADVERB}{_MAYBE_TOO}|(?:was|were)\smy\s(?:first|initial)|"
    r"would\s(?:be|have|mean|imply|require)|(?:is|comes)\sa\sclose\ssecond|\?)"
)
_FITS = any_of(r"""
    because | since | due to | it is(?! \w) | fits? | match(?:es)? | wins | works | beats | trumps
    edges | makes? (?:(?:the )?(?:more|most|perfect)|sense) | remains | stays
    (?:most|best) (?:closely|accurately) | is what | is the only
""")
_CHOSEN_AFTER = _compiled(
    rf"{_CLOSE}(?:(?:{_BE}|remains?|should\sbe|will\sbe|stays|seems\slike)\s{_ADVERB}{_RIGHT}|{_FITS}\b|"
    r"是(?:正确|对)|正确|が正しい|が正解|だと)"
)
_LIKELY_AFTER = _compiled(
    rf"{_CLOSE}(?:seems?|looks?|appears?|sounds?)\b(?!.{{0,12}}\b(?:most|more|best|better)\b)"
)
# "Everything but A is wrong", "all are wrong except B".
_ALL_BUT_BEFORE = _compiled(
    r"\b(?:all|every\w*|any\w*|(?:the\s)?(?:others?|rest))\b[^.;!?\n]*\b(?:but|except(?:\sfor)?)\s"
    + _LABEL
    + _OPEN
)
_ARE_WRONG = _compiled(rf"\b(?:is|are|seem|look)\s{_ADVERB}(?:not\s|{_WRONG})")

_CLAUSE = _compiled(
    r"[.;!?,\n…。！？；，、]|(?<!\ball\s)(?<!thing\s)\bbut\b|"  # noqa: RUF001
    r"\b(?:because|since|although|though|while|whereas|however|yet)\b"
)
_SENTENCE = re.compile(r"[.;!?…。！？；]\s+|\n")  # noqa: RUF001
# Characters before and after a mention that are looked at.
_REACH = 80


def stance(text: str, start: int, end: int) -> Stance:
    """Return what a text says of the option mentioned at characters `start` to `end`.

    Doubt counts to the left before praise counts to the right: "at first A seems right".
    """
    after = text[end : end + _REACH]
    sentence, clause = _since(_SENTENCE, text, start), _since(_CLAUSE, text, start)
    if _POSSIBLE_IN_SPITE_BEFORE.search(clause):
        return Stance.POSSIBLE
    if _NOT_WRONG_AFTER.match(after) or _CHOSEN_IN_SPITE_BEFORE.search(clause):
        return Stance.CHOSEN
    if (all_but := _ALL_BUT_BEFORE.search(sentence)) is not None:
        wrong = _ARE_WRONG.search(all_but.group()) or _ARE_WRONG.match(after.lstrip(" )\"'*"))
        return Stance.CHOSEN if wrong else Stance.REJECTED
    if any(pattern.match(after) for pattern in (_NO_AFTER, _NOT_AFTER, _WRONG_AFTER)):
        return Stance.REJECTED
    if _YES_AFTER.match(after):
        return Stance.CHOSEN
    if _REJECTED_BEFORE.search(clause):
        return Stance.REJECTED
    if _POSSIBLE_BEFORE.search(clause):
        return Stance.POSSIBLE
    if _CHOSEN_AFTER.match(after):
        return Stance.LIKELY if _LIKELY_AFTER.match(after) else Stance.CHOSEN
    if _POSSIBLE_AFTER.match(after):
        return Stance.POSSIBLE
    return Stance.CHOSEN if _CHOSEN_BEFORE.search(sentence) else Stance.NAMED


def _since(boundary: re.Pattern[str], text: str, place: int) -> str:
    """Return what stands before `place`, from the last boundary on."""
    before = text[max(0, place - _REACH) : place]
    ends = [match.end() for match in boundary.finditer(before)]
    return before[ends[-1] :] if ends else before
