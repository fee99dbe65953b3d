"""HTML of one sample: picture, question, gold answers, what survived, which cells answered what."""

from collections.abc import Sequence

from prunegrid.axis_names import BASELINE
from prunegrid.data.prompt_texts import LETTERS
from prunegrid.gallery.cell_answers import Answer
from prunegrid.gallery.cell_names import listed
from prunegrid.gallery.drawings import Drawings
from prunegrid.gallery.panels import heading
from prunegrid.gallery.samples import BenchmarkSamples, ShownSample
from prunegrid.gallery.texts import isolated, shown
from prunegrid.gallery.thumbnails import data_uri
from prunegrid.tables.options import SCALE

# Distinct answers that are shown at once; the others are folded.
_AT_ONCE = 6
_TURNED = {-1: "score fell", 0: "", 1: "score rose"}


def grouped(sample: ShownSample) -> list[tuple[str, list[int]]]:
    """Return distinct answers and the numbers of the cells that gave them: the unpruned model's first."""
    groups: dict[str, list[int]] = {}
    for number, answer in enumerate(sample.answers):
        groups.setdefault(f"error: {answer.text}" if answer.is_error else answer.text, []).append(number)
    return list(groups.items())


def article(own: BenchmarkSamples, sample: ShownSample, drawings: Drawings) -> str:
    """Return the HTML inside a sample's article.

    Parameters
    ----------
    own : BenchmarkSamples
        The samples of its benchmark.
    sample : ShownSample
    drawings : Drawings
        Its own.
    """
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in _facts(own, sample) if value)
    return (
        f'<h4 tabindex="-1">{shown(own.benchmark)}, sample {isolated(sample.sample_id, 80)}</h4>\n'
        f'<div class="asked">{_picture(sample, drawings)}<dl>{facts}</dl></div>\n'
        f"{_survived(sample, drawings)}{_answers(own, sample)}"
    )


def style(sample: ShownSample, drawings: Drawings) -> str:
    """Return the values of the page's style variables: the picture, once, and where its tokens lie."""
    left, top, right, bottom = sample.box
    size = sample.image.size if sample.image is not None else None
    rows, columns = sample.layout.views[0].numbers.shape if sample.layout is not None else (1, 1)
    aspect = size[0] / size[1] if size else columns / rows
    values = {
        "a": f"{aspect:.4f}",
        "l": f"{100 * left:.3f}%",
        "t": f"{100 * top:.3f}%",
        "w": f"{100 * (right - left):.3f}%",
        "h": f"{100 * (bottom - top):.3f}%",
    }
    if sample.layout is not None:
        values["tr"], values["tc"] = (str(count) for count in sample.layout.views[0].tiles)
    if drawings.thumbnail:
        values["p"] = f"url({data_uri(drawings.thumbnail, 'webp')})"
    return "".join(f"--{name}:{value};" for name, value in values.items())


def _facts(own: BenchmarkSamples, sample: ShownSample) -> list[tuple[str, str]]:
    unpruned = next(
        (a for a, c in zip(sample.answers, own.cells, strict=True) if c["strategy"] == BASELINE), None
    )
    references = "<br>".join(isolated(text) for text in dict.fromkeys(sample.references))
    choices = "<br>".join(
        f"{letter}. {isolated(text)}" for letter, text in zip(LETTERS, sample.choices, strict=False)
    )
    return [
        ("question", isolated(sample.question) if sample.question else ""),
        ("choices", choices),
        ("gold answer", isolated(sample.gold) if sample.gold is not None else ""),
        ("gold captions" if not own.bounded else "gold answers", references),
        ("unpruned model", f"{isolated(unpruned.text)} {_verdict(own, unpruned)}" if unpruned else ""),
        ("shown because", sample.rule),
    ]


def _picture(sample: ShownSample, drawings: Drawings) -> str:
    if drawings.thumbnail:
        said = f"Picture of sample {shown(sample.sample_id, 80)}"
        return f'<div class="pic whole" role="img" aria-label="{said}"></div>'
    return f'<p class="none">{shown(sample.no_picture)}</p>'


def _survived(sample: ShownSample, drawings: Drawings) -> str:
    if sample.layout is None:
        return f'<p class="none">What survived is not drawn: {shown(sample.unplaced)}</p>\n'
    highest = max((comparison.ratio for comparison, _ in sample.drawn), default=0.0)
    parts = []
    for (comparison, _), panels in zip(sample.drawn, drawings.panels, strict=False):
        is_open = " open" if comparison.ratio == highest else ""
        parts.append(f"<details{is_open}><summary>{heading(comparison)}</summary>{panels}</details>\n")
    return "".join(parts)


def _answers(own: BenchmarkSamples, sample: ShownSample) -> str:
    rows = [
        _row(own, sample.answers[numbers[0]], place, text, numbers)
        for place, (text, numbers) in enumerate(grouped(sample))
    ]
    first, more = _table(rows[:_AT_ONCE]), ""
    if len(rows) > _AT_ONCE:
        summary = f"<summary>{len(rows) - _AT_ONCE} more answers</summary>"
        more = f"<details>{summary}{_table(rows[_AT_ONCE:])}</details>"
    return f"{first}{more}\n"


def _table(rows: Sequence[str]) -> str:
    return (
        '<table class="answers"><thead><tr><th scope="col">answer</th><th scope="col">verdict</th>'
        f'<th scope="col">given by</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _row(own: BenchmarkSamples, answer: Answer, place: int, text: str, numbers: Sequence[int]) -> str:
    cells = listed(own.cells[number] for number in numbers)
    count = f"{len(numbers)} cell{'s' if len(numbers) > 1 else ''}"
    said = (
        f"{count}: {shown(cells)}"
        if len(cells) <= 160
        else (f"<details><summary>{count}</summary>{shown(cells, 20_000)}</details>")
    )
    return (
        f'<tr data-answer="{place}"><td>{isolated(text)}</td>'
        f"<td>{_verdict(own, answer)}</td><td>{said}</td></tr>"
    )


def _verdict(own: BenchmarkSamples, answer: Answer) -> str:
    """Return right or wrong, the score where it is neither 0 nor 1, and whether pruning changed it."""
    if answer.is_error:
        return '<span class="wrong">error</span>'
    points = f"{own.metric} {SCALE * answer.score:.0f}"
    if answer.right is None:
        return points.replace("cider", "CIDEr")
    word = '<span class="right">right</span>' if answer.right else '<span class="wrong">wrong</span>'
    turned = _TURNED[answer.turned]
    if answer.turned < 0 and not answer.right:
        turned = "turned wrong"
    if answer.turned > 0 and answer.right:
        turned = "turned right"
    extra = [turned, points if answer.score not in (0, 1) else ""]
    told = ", ".join(part for part in extra if part)
    return f"{word} <small>{told}</small>" if told else word
