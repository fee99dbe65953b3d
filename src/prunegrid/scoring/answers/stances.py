"""What a text says of an option that it mentions: chosen, likely, named, possible, or rejected.

Negations, doubts and verdicts are read in English, and the few words of other languages that docs/protocols.md lists.
"""

import re
from enum import IntEnum


class Stance(IntEnum):
    """What a text says of an option, from no to yes."""

    REJECTED = 0
    POSSIBLE = 1
    NAMED = 2
    LIKELY = 3
    CHOSEN = 4


_I = re.IGNORECASE
_END = r"[\s\"'(\[{<*$\\]*$"
_LABEL = r"(?:(?:the|an?|any|letter|option|options|answer|answers|choice|choices|correct|right|best|image|picture|#)\s)*"
_ADVERB = (
    r"(?:(?:clearly|definitely|obviously|probably|likely|most|very|simply|just|really|certainly|surely|also|both|all|"
    r"actually|always|indeed|still|then|here|thus|therefore|now|necessarily|quite|even|ever|either|again|totally|"
    r"completely|both|each|undoubtedly|in fact|hence)\s)*"
)
_NOT = (
    r"(?:not|never|hardly|refused?\sto|decline\sto|scarcely|cannot|no\sway|by\sno\smeans|can\s?not|\w+n't|neither|nor|nicht|kein|keine|pas|no es|no|non|não|não é|не|不是|不选|并非)"
)
_OF_NEGATION = (
    r"(?:(?:be|been|is|are|it|it's|that|to|think|believe|say|choose|pick|select|want|go|with|going|support|agree|mean|"
    r"have|was|as|for|see|would|consider|recommend|use|take|the\sanswer|show|depict|contain|mean|match|fit)\s)*"
)
# Left of the option. A negated verb may stand before it: "I don't think it is B".
_REJECTED_BEFORE = re.compile(
    rf"(?:\b{_NOT}\s{_ADVERB}{_OF_NEGATION}{_ADVERB}{_LABEL}|(?:不是|并非|不选)\s*|"
    rf"\b(?:rul(?:e|es|ed|ing)\sout|eliminat\w+|exclud\w+|except(?:\sfor)?|excepting|rather\sthan|instead\sof|"
    rf"other\sthan|unlike|against|reject\w*|discard\w*|dismiss\w*|cross(?:ed|ing)?\sout|all\sbut|anything\sbut|"
    rf"everything\sbut|nothing\slike|far\sfrom|wrong(?:\sanswer)?\s(?:is|are|would\sbe)|"
    rf"(?:incorrect|wrong|false|bad)\s(?:answers?|options?|choices?|ones?)\s?(?:is|are|include|:)?|"
    rf"(?:more|better|rather|closer|likelier|stronger)\s(?:\w+\s){{0,3}}?than|better\sthan|over|skip|forget|ignore|"
    rf"drop|avoid|beats|trumps|edges\sout|contrary\sto|tempted\sby|fooled\sby)\s{_ADVERB}{_LABEL}|\b(?:wrong|incorrect|false)\s?[:=]\s?|\bnot:\s?)"
    rf"{_END}",
    _I,
)
_YES_IN_SPITE = re.compile(
    rf"\b(?:none\sother\sthan|nothing\sbut|no(?:thing)?\sother\sthan|no\sdoubt(?:\s(?:it\sis|it's|that\sit\sis|about))?|"
    rf"can(?:not|'t)\sbe\sanything\s(?:but|other\sthan)|(?:less|worse|weaker)\s(?:\w+\s){{0,3}}?than|worse\sthan|"
    rf"no\sother\s(?:answer|option|choice)\sthan|(?:none|nothing|no\s\w+)\s(?:\w+\s){{0,4}}?(?:but|except(?:\sfor)?)|not\sanything\s(?:but|other\sthan))\s{_LABEL}{_END}",
    _I,
)
_POSSIBLE_IN_SPITE = re.compile(
    rf"\b(?:can(?:not|'t)\s(?:rule\sout|exclude|eliminate)|not\s(?:only|just)|why\snot|not\ssure\s(?:if|whether)\s\w+)\s"
    rf"{_LABEL}{_END}",
    _I,
)
_POSSIBLE_BEFORE = re.compile(
    rf"\b(?:(?:could|might|may|can)\s(?:\w+\s){{0,2}}?(?:be|choose|pick|say|argue(?:\sfor)?)|maybe|perhaps|possibly|"
    rf"potentially|conceivably|at\sfirst|initially|originally|thought|first\sinstinct(?:\swas)?|tempted\sto\ssay|"
    rf"tempting\sto\ssay|tempting\sto\s(?:pick|choose)|can(?:not|'t)\s(?:rule\sout|exclude)|if|whether|unless|"
    rf"first\sguess(?:\swas)?|were\sit|suppose|supposing|assuming|consider|considered|considering|why\snot|"
    rf"was\sgoing\sto\ssay|was|besides|compared\s(?:to|with)|like|as\swell\sas|between|from|not\s(?:only|just)|"
    rf"(?:some|people|others)\s(?:might\s|may\s|would\s)?say)\s"
    rf"(?:(?:it|it's|is|were|was|that|for|to|the\sanswer|answer\sis|answer\swas|say|choose|pick|had|i|i'd|i\swould|would)\s)*"
    rf"{_ADVERB}{_LABEL}{_END}",
    _I,
)
_CHOSEN_BEFORE = re.compile(
    rf"(?:(?:\b(?:(?<!there\s)is|(?<!there\s)are|be|it's|that's|this's|answer's|answers?|ans|answer\sas|solution|response|verdict|conclusion|choose|"
    rf"chose|pick|picking|select|selecting|choosing|selected|picked|chosen|opt\sfor|went\swith|go\swith|going\swith|"
    rf"go\sfor|going\sfor|goes\sto|settle\son|settling\son|stick\swith|sticking\swith|stand\sby|vote\s(?:is\s)?for|say|"
    rf"therefore|thus|hence|so|i\sthink|i\sbelieve|i\sguess|probably|likely|definitely|certainly|surely|final|"
    rf"correct(?:\sone)?(?:\soption|\schoice|\sletter)?|right(?:\sone)?|best(?:\sone)?(?:\soption|\schoice|\sletter)?|"
    rf"only|leaves|leaving|leaves\sus\swith|conclude|make\sit|make\sthat|points\sto|indicates|"
    rf"leaning\s(?:toward|towards|to)|lean\s(?:toward|towards|to)|prefer|mark|marking|correct:|true:|yes:|"
    rf"respuesta|réponse|antwort|lösung|risposta|resposta|ответ|opción|es|est|ist|è|é|это)"
    rf"|答案|正解|答え|إجابة|选|選|選択肢は|回答|정답)\s*(?:是|为|は|은|는)?"
    rf"(?:\s?[:=,]+\s?|\s?-+>\s?|\s)*"
    rf"(?:(?:is|are|would\sbe|should\sbe|must\sbe|has\sto\sbe|will\sbe|with|for|it|it's|it\sis|therefore|thus|"
    rf"clearly|definitely|most|likely|probably|in\sfact|indeed|that|i\sthink|i\sbelieve|es|est|ist|è|é|то|а)\s)*"
    rf"{_ADVERB}{_LABEL}[,:]?{_END}|\\boxed\{{(?:\\text\{{|\\mathrm\{{|\\textbf\{{)?\s?$|(?:=+|-+|→|⇒)\s?>?\s?$)",
    _I,
)
# Right of the option, from its very next character.
_CLOSE = r"^[\"')\]}>*.$]*\s*"
_PAUSE = r"(?:\s?[:\-–—=?(,]+\s?|[)\]}]\s+)"  # noqa: RUF001
_STOP = r"\s?[.!]+\s?"
_BE = r"(?:is|are|was|were|be|seems?|looks?|appears?|sounds?|must\sbe|would\sbe|has\sto\sbe|seems?\sto\sbe|'s|ist|es|est|è|é)"
_WRONG = (
    r"(?:incorrect|wrong|false|untrue|ruled\sout|eliminated|excluded|out\b|impossible|unlikely|improbable|irrelevant|"
    r"inaccurate|invalid|nonsense|misleading|implausible|a\sdistractor|absurd|off\b|unrelated|no\sgood|mistaken|"
    r"less\s\w+|worse|too\s\w+|the\swrong|an?\swrong|an?\sincorrect|unsupported|falsch|incorrecta|faux|errat[ao])"
)
_RIGHT = (
    r"(?:(?:the\s|my\s|an?\s|our\s)?(?:only\s|most\s|more\s|single\s|final\s|obvious\s|clear\s)*(?:correct|right|best|true|"
    r"accurate|better|answer|choice|one\b|it\b|pick|winner|good|likely|appropriate|match|fit\b|probable|guess|"
    r"reasonable|response|solution|option\sthat\sfits|valid|obvious|preferred|closest|plausible\sanswer|"
    r"richtig|korrekt|correcta?|exacte?|giusta|certa|верно|правильн\w+)|what)"
)
_SEEMS = re.compile(rf"{_CLOSE}(?:seems?|looks?|appears?|sounds?)\b(?!.{{0,12}}\b(?:most|more|best|better)\b)", _I)
_NOT_RIGHT = re.compile(
    rf"{_CLOSE}(?:(?:which|that|they|it)\s)?(?:{_BE}\s{_ADVERB}(?:not|never)\b|(?:is|are|was|were|does|do|did|has|have|ca|wo|"
    rf"would|could|should|must)\s?n't\b|cannot\b|can\snot\b|(?:does|do|did|will|would|could|should|must|can)\s(?:not|"
    rf"never)\b|(?:fails?|contradicts?|makes?\sno|lacks?|misses|has\snothing|have\snothing|ist\snicht|no\ses|"
    rf"n'est\spas|não\sé|non\sè|不对|不正确|错)\b)",
    _I,
)
_NOT_WRONG = re.compile(
    rf"{_CLOSE}(?:{_BE}\s{_ADVERB}not\s|(?:is|are|was|were)\s?n't\s|cannot\sbe\s|can't\sbe\s){_ADVERB}{_WRONG}", _I
)
_WRONG_AFTER = re.compile(
    rf"{_CLOSE}(?:{_BE}\s{_ADVERB}{_WRONG}|(?:can|could|should|may)\sbe\s(?:ruled\sout|eliminated|excluded|discarded|"
    rf"rejected|dismissed)|goes\sout|is\sout\b|(?:我)?(?:不对|错误|错了|是错))",
    _I,
)
_VERDICT_NO = re.compile(
    rf"^[\"'>*]*(?:{_PAUSE}|{_STOP})+(?:(?:that's|this\sis|that\sis|it's|is)\s)?(?:(?:no|nope|nah)(?=\s?(?:[,.!;:)\-–—\n]|$)|"
    rf"\s(?:wait|sorry|it|that|actually|i|this|not|the\sanswer))|(?:not\s(?:correct|right|true|it|this|that|quite|"
    rf"likely)|incorrect|wrong|false|eliminated|ruled\sout|excluded|i\sdoubt|i\sdon't\sthink)\b|[✗✘❌×])|^\s?[✗✘❌]",  # noqa: RUF001
    _I,
)
_VERDICT_YES = re.compile(
    rf"^[\"'>*]*(?:{_STOP}(?:yes|true|correct|right)(?=[.,;!\n]|$)|"
    rf"{_PAUSE}+(?:(?:that's|this\sis|that\sis|it's|is)\s)?(?:yes\b|yep\b|true\b|right\b|correct\b|"
    rf"definitely\b|of\scourse\b|for\ssure\b|without\s(?:a\s)?doubt\b|final\sanswer\b|bingo\b|[✓✔✅]))|"
    rf"^\s?[✓✔✅]|^\s(?:for\ssure|definitely|obviously|of\scourse|without\s(?:a\s)?doubt|please|final\sanswer)\b",
    _I,
)
_POSSIBLE_AFTER = re.compile(
    rf"{_CLOSE}(?:(?:could|might|may)\b|{_BE}\s{_ADVERB}(?:possible|plausible|tempting|close|an?\soption|a\spossibility|"
    rf"conceivable|second\b|a\scandidate|a\scontender|a\sclose|partly|partially|similar|also\s(?:possible|plausible|"
    rf"tempting)|arguable)|(?:was|were)\smy\s(?:first|initial)|would\s(?:be|have|mean|imply|require)|"
    rf"(?:is|comes)\sa\sclose\ssecond|\?)",
    _I,
)
_CHOSEN_AFTER = re.compile(
    rf"{_CLOSE}(?:(?:{_BE}|remains?|should\sbe|will\sbe|stays|seems\slike|would\sbe|has\sto\sbe)\s{_ADVERB}{_RIGHT}|(?:because|since|"
    rf"due\sto)\b|it\sis\b(?!\s\w)|fits?\b|match(?:es)?\b|wins\b|works\b|beats\b|trumps\b|edges\b|makes?\s(?:the\s)?(?:more|most|perfect|sense)|"
    rf"remains\b|stays\b|(?:most|best)\s(?:closely|accurately)\b|是(?:正确|对)|正确|が正しい|が正解|だと|is\swhat\b|"
    rf"is\sthe\sonly\b|is\scorrect)",
    _I,
)
# "Everything but A is wrong", "all are wrong except B".
_ALL_BUT = re.compile(
    rf"\b(?:all|every\w*|any\w*|(?:the\s)?(?:others?|rest))\b[^.;!?\n]*\b(?:but|except(?:\sfor)?)\s{_LABEL}{_END}", _I
)
_ARE_WRONG = re.compile(rf"\b(?:is|are|seem|look)\s{_ADVERB}(?:not\s|{_WRONG})", _I)
_CLAUSE = re.compile(
    r"[.;!?,\n…。！？；，、]|(?<!\ball\s)(?<!thing\s)\bbut\b|"
    r"\b(?:because|since|although|though|while|whereas|however|yet)\b",  # noqa: RUF001
    _I,
)
_SENTENCE = re.compile(r"[.;!?…。！？；]\s+|\n")  # noqa: RUF001
_REACH = 80


def stance(text: str, start: int, end: int) -> Stance:
    """Return what a text says of the option mentioned at characters `start` to `end`."""
    after = text[end:]
    sentence = _since(_SENTENCE, text, start)
    clause = _since(_CLAUSE, text, start)
    if _POSSIBLE_IN_SPITE.search(clause):
        return Stance.POSSIBLE
    if _NOT_WRONG.match(after) or _YES_IN_SPITE.search(clause):
        return Stance.CHOSEN
    if (all_but := _ALL_BUT.search(sentence)) is not None:
        wrong = _ARE_WRONG.search(all_but.group()) or _ARE_WRONG.match(after.lstrip(" )\"'*"))
        return Stance.CHOSEN if wrong else Stance.REJECTED
    if any(pattern.match(after) for pattern in (_VERDICT_NO, _NOT_RIGHT, _WRONG_AFTER)):
        return Stance.REJECTED
    if _VERDICT_YES.match(after):
        return Stance.CHOSEN
    if _REJECTED_BEFORE.search(clause):
        return Stance.REJECTED
    if _POSSIBLE_BEFORE.search(clause):
        return Stance.POSSIBLE
    if _CHOSEN_AFTER.match(after):
        return Stance.LIKELY if _SEEMS.match(after) else Stance.CHOSEN
    if _POSSIBLE_AFTER.match(after):
        return Stance.POSSIBLE
    return Stance.CHOSEN if _CHOSEN_BEFORE.search(sentence) else Stance.NAMED


def _since(boundary: re.Pattern[str], text: str, place: int) -> str:
    """Return what stands before `place`, from the last boundary on."""
    before = text[max(0, place - _REACH) : place]
    ends = [match.end() for match in boundary.finditer(before)]
    return before[ends[-1] :] if ends else before
