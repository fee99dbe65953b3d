"""Training texts of the demo model: prompts as the benchmarks word them, each with its answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from prunegrid.data.prompt_texts import CAPTION, LETTERS, lettered, yes_no
from prunegrid.demo.easyvqa import read_questions
from prunegrid.demo.questions import (
    ABSENCES,
    LOOK_UPS,
    ChoiceQuestion,
    attribute_question,
    captions,
    choice_question,
    context_line,
    list_question,
    presence_question,
    relation_question,
)
from prunegrid.demo.scene import MAX_OBJECTS, Scene, named_rng, sample_scene

Mix = Mapping[str, float]

ECHO: Mix = {"echo": 1.0}
WORDS: Mix = {"lookup": 0.6, "exists": 0.4}
SHORT: Mix = {"open": 0.35, "attribute": 0.1, "presence": 0.5, "caption": 0.05}
CHOICES: Mix = {
    "open": 0.15, "attribute": 0.05, "presence": 0.2, "lettered": 0.35, "context": 0.2, "caption": 0.05,
}  # fmt: skip
ALL: Mix = {
    "open": 0.05, "attribute": 0.05, "presence": 0.3, "lettered": 0.25, "context": 0.25, "caption": 0.1,
}  # fmt: skip
LETTERED: Mix = {
    "open": 0.1, "attribute": 0.03, "presence": 0.17, "lettered": 0.35, "context": 0.25, "caption": 0.1,
}  # fmt: skip
PAIRS: Mix = {"pair": 0.6, "relation": 0.2, "lookup": 0.1, "exists": 0.1}
RELATIONS: Mix = {
    "relation": 0.5, "open": 0.08, "attribute": 0.02, "presence": 0.18, "lettered": 0.08, "context": 0.06,
    "caption": 0.08,
}  # fmt: skip
RELATED: Mix = {
    "relation": 0.3, "open": 0.05, "attribute": 0.02, "presence": 0.16, "lettered": 0.14, "context": 0.08,
    "related": 0.17, "caption": 0.08,
}  # fmt: skip
LISTS: Mix = {
    "list": 0.4, "relation": 0.12, "related": 0.12, "presence": 0.12, "lettered": 0.08, "context": 0.05,
    "open": 0.03, "caption": 0.08,
}  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """One user text and the answer to it."""

    text: str
    answer: str


def draw_turns(scene: Scene, mix: Mix, count: int, rng: np.random.Generator) -> list[Turn]:
    """Draw `count` independent turns about a scene, task by task in the shares of `mix`."""
    shares = np.array(list(mix.values()))
    tasks = rng.choice(list(mix), size=count, p=shares / shares.sum())
    return [_turn(task, scene, rng) for task in tasks]


def easyvqa_turns() -> dict[int, list[Turn]]:
    """Return the turns of easy-VQA's train split by image number."""
    turns: dict[int, list[Turn]] = {}
    for row in read_questions("train"):
        turns.setdefault(row.image_id, []).append(Turn(yes_no(row.question), row.answer))
    return turns


def corpus(seed: int, scenes: int = 2000) -> Iterator[str]:
    """Yield text in all forms, for the tokenizer."""
    yield from ("USER: ", " ASSISTANT:", " ground")
    for index in range(scenes):
        rng = named_rng("corpus", seed, index)
        for turn in draw_turns(sample_scene(rng), ALL, 8, rng):
            yield f"\n{turn.text} ASSISTANT:"
            yield turn.answer
    for turns in easyvqa_turns().values():
        for turn in turns:
            yield f"\n{turn.text} ASSISTANT:"
            yield turn.answer


def _turn(task: str, scene: Scene, rng: np.random.Generator) -> Turn:
    if task == "caption" and len(scene.objects) > MAX_OBJECTS:
        return _turn("presence", scene, rng)
    if task == "caption":
        options = captions(scene)
        # Mostly one wording, so that greedy decoding settles on it.
        return Turn(CAPTION, options[0] if rng.random() < 0.8 else options[rng.integers(len(options))])
    if task in ("lettered", "context", "open", "related"):
        drawn = choice_question(scene, "relation", rng) if task == "related" else _choice(scene, rng)
        if drawn is None:
            return _turn("presence", scene, rng)
        if task == "open":
            return Turn(yes_no(drawn.question), drawn.choices[drawn.answer])
        context = context_line(scene, rng) if task == "context" else ""
        return Turn(lettered(drawn.question, drawn.choices, context), LETTERS[drawn.answer])
    if task in ("relation", "pair"):
        related = relation_question(scene, rng)
        if related is None:
            return _turn("open", scene, rng)
        text = f"other {related.named}?" if task == "pair" else yes_no(related.question)
        return Turn(text, related.answer)
    if task in ("echo", "lookup", "exists"):
        return _word_turn(task, scene, rng)
    if task == "presence":
        asked = presence_question(scene, ABSENCES[rng.integers(len(ABSENCES))], rng)
    elif task == "list":
        asked = list_question(scene, rng)
    elif task == "attribute":
        asked = attribute_question(scene, rng)
    else:
        raise ValueError(f"unknown task {task!r}")
    return Turn(yes_no(asked.question), asked.answer)


def _word_turn(task: str, scene: Scene, rng: np.random.Generator) -> Turn:
    """Return a question of one to three words: it teaches to look things up before it teaches to read."""
    if task == "exists":
        asked = presence_question(scene, ABSENCES[rng.integers(len(ABSENCES))], rng)
        return Turn(f"{' '.join(asked.question.split()[3:5])}?", asked.answer)
    key, value = (0, 1) if rng.random() < 0.5 else (1, 0)
    found: dict[str, list[str]] = {}
    for kind in scene.kinds:
        found.setdefault(kind[key], []).append(kind[value])
    single = [word for word, values in found.items() if len(values) == 1]
    if not single:
        return _word_turn("exists", scene, rng)
    word = single[rng.integers(len(single))]
    # Saying the asked word first puts it next to its answer: one look-up, where a bare answer needs two.
    return Turn(word, f"{word} {found[word][0]}" if task == "echo" else found[word][0])


def _choice(scene: Scene, rng: np.random.Generator) -> ChoiceQuestion | None:
    """Draw a question that takes one look-up, or None if every colour and shape of the scene occurs twice."""
    order = rng.permutation(len(LOOK_UPS))
    drawn = (choice_question(scene, LOOK_UPS[i], rng) for i in order)
    return next((question for question in drawn if question is not None), None)
