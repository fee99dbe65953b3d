"""The toy world: seeded, patch-aligned, and asked about truthfully."""

from collections import Counter

import numpy as np
import pytest

from prunegrid.demo.drawing import GROUND, PATCH, UNCLEAR, render, render_single, scene_labels
from prunegrid.demo.questions import (
    ABSENCES,
    LOOK_UPS,
    TOPICS,
    absent_kind,
    attribute_question,
    captions,
    choice_question,
    list_question,
    presence_question,
    relation_question,
)
from prunegrid.demo.scene import (
    BY_POPULARITY,
    COLOURS,
    CROWDED,
    GRID,
    KINDS,
    SHAPES,
    named_rng,
    sample_scene,
)

SCENES = [sample_scene(named_rng("test", 0, index)) for index in range(60)]


def test_streams_differ_by_name_seed_and_index():
    draws = {
        tuple(named_rng(*key).integers(2**32, size=4))
        for key in [("a", 0, 0), ("b", 0, 0), ("a", 1, 0), ("a", 0, 1)]
    }
    assert len(draws) == 4


def test_popularity_orders_every_kind_once():
    assert sorted(BY_POPULARITY) == sorted(KINDS)


@pytest.mark.parametrize("index", range(5))
def test_images_repeat_from_their_seed(index):
    first, second = (render(SCENES[index], named_rng("draw", 1, index)) for _ in range(2))
    assert first.shape == (GRID * PATCH, GRID * PATCH, 3)
    assert first.dtype == np.uint8
    assert (first == second).all()


def test_only_object_patches_differ_from_the_ground():
    scene = SCENES[0]
    saturation = np.ptp(render(scene, named_rng("draw", 0)).astype(int), axis=2)
    darkness = 255 - render(scene, named_rng("draw", 0)).min(axis=2).astype(int)
    marked = np.maximum(saturation, darkness).reshape(GRID, PATCH, GRID, PATCH).max(axis=(1, 3)) > 110
    assert (marked == (scene_labels(scene).colour != GROUND)).all()


def test_scenes_hold_distinct_kinds_that_do_not_overlap():
    for scene in SCENES:
        assert 3 <= len(scene.objects) <= 6
        assert len(set(scene.kinds)) == len(scene.objects)
        cells = sum(thing.cells**2 for thing in scene.objects)
        assert (scene_labels(scene).shape != GROUND).sum() == cells


def test_single_shapes_have_at_least_one_labelled_patch():
    for index in range(30):
        _, labels = render_single(named_rng("single", 0, index))
        assert ((labels.colour != GROUND) & (labels.colour != UNCLEAR)).any()


@pytest.mark.parametrize("absence", ABSENCES)
def test_absent_kinds_are_absent(absence):
    for index, scene in enumerate(SCENES):
        assert absent_kind(scene, absence, named_rng("absent", 0, index)) not in scene.kinds


def test_adversarial_kinds_share_colour_and_shape_with_the_scene():
    scene = next(scene for scene in SCENES if len({k.colour for k in scene.kinds}) > 2)
    kind = absent_kind(scene, "adversarial", named_rng("absent", 0))
    assert kind.colour in {k.colour for k in scene.kinds}
    assert kind.shape in {k.shape for k in scene.kinds}


def test_presence_answers_are_true_and_balanced():
    answers = Counter()
    for index, scene in enumerate(SCENES * 5):
        asked = presence_question(scene, "random", named_rng("ask", 0, index))
        named = any(f"a {kind} in" in asked.question for kind in scene.kinds)
        assert named == (asked.answer == "yes")
        answers[asked.answer] += 1
    assert 0.4 < answers["yes"] / answers.total() < 0.6


def test_attribute_answers_are_true():
    for index, scene in enumerate(SCENES * 5):
        asked = attribute_question(scene, named_rng("ask", 1, index))
        words = set(asked.question.replace("?", "").split())
        name = (words & (set(COLOURS) | set(SHAPES))).pop()
        present = any(name in kind for kind in scene.kinds)
        negated = bool(words & {"not", "no"})
        assert (asked.answer == "yes") == (present != negated), asked


@pytest.mark.parametrize("topic", TOPICS)
def test_choice_questions_have_one_right_answer(topic):
    letters = Counter()
    for index, scene in enumerate(SCENES):
        drawn = choice_question(scene, topic, named_rng("ask", 2, index))
        if drawn is None:
            continue
        letters[drawn.answer] += 1
        assert len(set(drawn.choices)) == 4
        right = drawn.choices[drawn.answer]
        words = drawn.question.replace("?", "").split()
        if topic == "color":
            assert [kind.colour for kind in scene.kinds if kind.shape == words[-1]] == [right]
        if topic == "shape":
            assert [kind.shape for kind in scene.kinds if kind.colour == words[-2]] == [right]
    assert set(letters) == {0, 1, 2, 3}


def crowded_scenes():
    return [sample_scene(named_rng("crowded", 0, index), *CROWDED) for index in range(200)]


def test_crowded_scenes_have_five_to_nine_objects_on_cells_of_their_own():
    counts = Counter()
    for scene in crowded_scenes():
        counts[len(scene.objects)] += 1
        cells = [
            (thing.row + i, thing.column + j)
            for thing in scene.objects
            for i in range(thing.cells)
            for j in range(thing.cells)
        ]
        assert len(set(cells)) == len(cells)
    assert set(counts) == {5, 6, 7, 8, 9}


def test_a_relation_has_one_answer_that_two_look_ups_find():
    answers = Counter()
    for index, scene in enumerate(crowded_scenes()):
        asked = relation_question(scene, named_rng("ask", 3, index))
        if asked is None:
            continue
        by_shape = asked.question.startswith("What other shape")
        named, shared = ("shape", "colour") if by_shape else ("colour", "shape")
        (first,) = [kind for kind in scene.kinds if getattr(kind, named) == asked.named]
        others = [k for k in scene.kinds if k != first and getattr(k, shared) == getattr(first, shared)]
        assert [getattr(kind, named) for kind in others] == [asked.answer]
        assert asked.named in asked.question
        assert asked.answer not in asked.question
        answers[asked.answer] += 1
    # Both forms, and no answer that is right without a look.
    assert set(answers) & set(SHAPES)
    assert set(answers) & set(COLOURS)
    assert max(answers.values()) < 0.25 * answers.total()


def test_a_relation_offers_neither_the_word_that_it_names_nor_words_of_the_other_kind():
    for index, scene in enumerate(crowded_scenes()):
        drawn = choice_question(scene, "relation", named_rng("ask", 4, index))
        if drawn is not None:
            assert set(drawn.choices) <= set(COLOURS) or set(drawn.choices) <= set(SHAPES)
            assert not any(choice in drawn.question for choice in drawn.choices)


@pytest.mark.parametrize("topic", LOOK_UPS)
def test_a_look_up_is_offered_where_one_object_alone_has_the_word(topic):
    for index, scene in enumerate(SCENES):
        words = [kind.shape if topic == "color" else kind.colour for kind in scene.kinds]
        drawn = choice_question(scene, topic, named_rng("ask", 5, index))
        assert (drawn is not None) == (1 in Counter(words).values())


def test_a_list_names_one_word_of_every_object_in_reading_order():
    kinds = Counter()
    for index, scene in enumerate(crowded_scenes()):
        asked = list_question(scene, named_rng("ask", 6, index))
        name = "colour" if asked.question == "Name the color of every object." else "shape"
        words = asked.answer.replace(",", "").replace(" and ", " ").split()
        assert words == [getattr(kind, name) for kind in scene.kinds]
        kinds[name] += 1
    assert min(kinds.values()) > 60


def test_captions_name_every_object():
    for scene in SCENES:
        texts = captions(scene)
        assert len(set(texts)) == 5
        assert all(str(kind) in text for kind in scene.kinds for text in texts)
