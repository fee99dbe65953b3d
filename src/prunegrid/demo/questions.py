"""Questions about a scene in the task shapes of the published benchmarks, with their answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prunegrid.demo.scene import BY_POPULARITY, COLOURS, KINDS, SHAPES, Kind, Object, Scene

Absence = Literal["random", "popular", "adversarial"]
Topic = Literal["color", "shape", "relation"]

ABSENCES: tuple[Absence, ...] = ("random", "popular", "adversarial")
LOOK_UPS: tuple[Literal["color", "shape"], ...] = ("color", "shape")
TOPICS: tuple[Topic, ...] = (*LOOK_UPS, "relation")
CHOICES = 4


@dataclass(frozen=True)
class OpenQuestion:
    """A question with a short answer in words."""

    question: str
    answer: str


@dataclass(frozen=True)
class NamingQuestion(OpenQuestion):
    """A question that names an object by one attribute, the word `named`."""

    named: str


@dataclass(frozen=True)
class ChoiceQuestion:
    """A multiple-choice question; `answer` is the index of the right choice."""

    topic: Topic
    question: str
    choices: tuple[str, ...]
    answer: int


def presence(kind: Kind) -> str:
    """Return POPE's question."""
    return f"Is there a {kind} in the image?"


def absent_kind(scene: Scene, absence: Absence, rng: np.random.Generator) -> Kind:
    """Draw a kind that is not in the scene.

    `random` draws from all absent kinds, `popular` from the most frequent ones of the world, and
    `adversarial` from those whose colour and shape both occur, but on different objects.
    """
    present = set(scene.kinds)
    absent = [kind for kind in BY_POPULARITY if kind not in present]
    if absence == "popular":
        absent = absent[:6]
    if absence == "adversarial":
        colours, shapes = {kind.colour for kind in present}, {kind.shape for kind in present}
        mixed = [kind for kind in absent if kind.colour in colours and kind.shape in shapes]
        half = [kind for kind in absent if kind.colour in colours or kind.shape in shapes]
        absent = mixed or half
    return absent[rng.integers(len(absent))]


def presence_question(scene: Scene, absence: Absence, rng: np.random.Generator) -> OpenQuestion:
    """Draw a presence question that is answered yes half of the time."""
    if rng.random() < 0.5:
        return OpenQuestion(presence(scene.kinds[rng.integers(len(scene.kinds))]), "yes")
    return OpenQuestion(presence(absent_kind(scene, absence, rng)), "no")


def attribute_question(scene: Scene, rng: np.random.Generator) -> OpenQuestion:
    """Draw a yes/no question on one colour or one shape, worded like easy-VQA's, also negated."""
    if rng.random() < 0.5:
        words, present, suffix = list(COLOURS), {kind.colour for kind in scene.kinds}, " shape"
    else:
        words, present, suffix = list(SHAPES), {kind.shape for kind in scene.kinds}, ""
    wanted = rng.random() < 0.5
    names = [word for word in words if (word in present) == wanted] or words
    name = names[rng.integers(len(names))]
    template, negated = _ATTRIBUTE_TEMPLATES[rng.integers(len(_ATTRIBUTE_TEMPLATES))]
    yes = (name in present) != negated
    return OpenQuestion(template.format(name + suffix), "yes" if yes else "no")


def choice_question(
    scene: Scene, topic: Topic, rng: np.random.Generator, answer: int | None = None
) -> ChoiceQuestion | None:
    """Draw a multiple-choice question, or None if the scene allows none on this topic.

    `answer` fixes the index of the right choice; by default it is drawn.
    """
    asked = relation_question(scene, rng) if topic == "relation" else _attribute_of(scene, topic, rng)
    if asked is None:
        return None
    right = asked.answer
    # The attribute that the question names is no option.
    wrong = [name for name in (COLOURS if right in COLOURS else SHAPES) if name not in (right, asked.named)]
    choices = [wrong[i] for i in rng.permutation(len(wrong))[: CHOICES - 1]]
    answer = int(rng.integers(CHOICES)) if answer is None else answer
    choices.insert(answer, right)
    return ChoiceQuestion(topic, asked.question, tuple(choices), answer)


def relation_question(scene: Scene, rng: np.random.Generator) -> NamingQuestion | None:
    """Draw a question that takes two look-ups, or None if the scene allows none.

    The object that it names by one attribute shares the other attribute with exactly one more object: of
    the ring the colour must be read first, then which other object has that colour.
    """
    drawn = [
        NamingQuestion(f"What other shape has the color of the {thing.shape}?", other.shape, thing.shape)
        for thing, other in _pairs(scene, "shape", "colour")
    ] + [
        NamingQuestion(
            f"What other color has the shape of the {thing.colour} object?", other.colour, thing.colour
        )
        for thing, other in _pairs(scene, "colour", "shape")
    ]
    return drawn[rng.integers(len(drawn))] if drawn else None


def list_question(scene: Scene, rng: np.random.Generator) -> OpenQuestion:
    """Draw a question whose answer names the colour, or the shape, of every object in reading order."""
    if rng.random() < 0.5:
        return OpenQuestion("Name the color of every object.", _enumerate([k.colour for k in scene.kinds]))
    return OpenQuestion("Name the shape of every object.", _enumerate([k.shape for k in scene.kinds]))


def context_line(scene: Scene, rng: np.random.Generator) -> str:
    """Return a true sentence about the scene, as ScienceQA's Context line gives one."""
    if rng.random() < 0.5:
        return f"The image shows {len(scene.objects)} objects on a light ground."
    return f"There is a {scene.kinds[rng.integers(len(scene.kinds))]} in the image."


def captions(scene: Scene) -> tuple[str, ...]:
    """Return five one-sentence captions; each names all objects, in reading order or backwards."""
    phrases = [f"a {kind}" for kind in scene.kinds]
    forward, backward = _enumerate(phrases), _enumerate(phrases[::-1])
    return (
        f"The image shows {forward}.",
        f"There is {forward}.",
        f"A picture of {forward}.",
        f"The image shows {backward}.",
        f"{forward[0].upper()}{forward[1:]} on a light ground.",
    )


_ATTRIBUTE_TEMPLATES = (
    ("is there a {}?", False),
    ("is there a {} in the image?", False),
    ("does the image contain a {}?", False),
    ("is a {} present?", False),
    ("is there not a {}?", True),
    ("is there not a {} in the image?", True),
    ("does the image not contain a {}?", True),
    ("is no {} present?", True),
)


def _attribute_of(
    scene: Scene, topic: Literal["color", "shape"], rng: np.random.Generator
) -> NamingQuestion | None:
    """Draw a question on the colour or shape of one object."""
    objects = _unambiguous(scene, topic)
    if not objects:
        return None
    kind = objects[rng.integers(len(objects))].kind
    if topic == "color":
        return NamingQuestion(f"What color is the {kind.shape}?", kind.colour, kind.shape)
    return NamingQuestion(f"What shape is the {kind.colour} object?", kind.shape, kind.colour)


def _unambiguous(scene: Scene, topic: Literal["color", "shape"]) -> list[Object]:
    """Return the objects that a question on this topic can name without doubt."""
    key = {"color": "shape", "shape": "colour"}[topic]
    counts = Counter(getattr(kind, key) for kind in scene.kinds)
    return [thing for thing in scene.objects if counts[getattr(thing.kind, key)] == 1]


def _pairs(scene: Scene, named: str, shared: str) -> list[tuple[Kind, Kind]]:
    """Return kinds that alone have their `named` attribute, each with the one other of its `shared` one."""
    pairs = []
    for kind in scene.kinds:
        alike = [k for k in scene.kinds if getattr(k, named) == getattr(kind, named)]
        others = [k for k in scene.kinds if k != kind and getattr(k, shared) == getattr(kind, shared)]
        if len(alike) == 1 and len(others) == 1:
            pairs.append((kind, others[0]))
    return pairs


def _enumerate(phrases: Sequence[str]) -> str:
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


__all__ = [
    "ABSENCES",
    "KINDS",
    "LOOK_UPS",
    "TOPICS",
    "Absence",
    "ChoiceQuestion",
    "NamingQuestion",
    "OpenQuestion",
    "Topic",
    "absent_kind",
    "attribute_question",
    "captions",
    "choice_question",
    "context_line",
    "list_question",
    "presence",
    "presence_question",
    "relation_question",
]
