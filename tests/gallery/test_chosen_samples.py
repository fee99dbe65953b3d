"""Which samples are chosen."""

import numpy as np
import pytest

from prunegrid.gallery.chosen_samples import DISAGREE, DRAWN, choose, in_both

N, CELLS = 40, 10
IDS = [f"s{number}" for number in range(N)]


def world():
    """Return scores and answers: on sample k, min(k, 5) of ten cells are wrong."""
    scores = np.ones((CELLS, N))
    for sample in range(N):
        scores[: min(sample, 5), sample] = 0
    return scores, scores.astype(int)


def test_the_most_disputed_come_first_and_the_rest_is_drawn():
    scores, answers = world()
    chosen = choose(scores, answers, IDS, IDS, 9)
    variance = scores.var(axis=0)
    disputed = [one.number for one in chosen if one.rule == DISAGREE]
    assert len(disputed) == 6
    assert all(variance[number] == 0.25 for number in disputed)
    assert [one.rule for one in chosen] == [DISAGREE] * 6 + [DRAWN] * 3
    assert len({one.number for one in chosen}) == 9


def test_the_choice_is_the_same_whatever_the_order_of_samples_and_cells():
    scores, answers = world()
    first = {IDS[one.number]: one.rule for one in choose(scores, answers, IDS, IDS, 9)}
    order = np.random.default_rng(0).permutation(N)
    turned = [IDS[number] for number in order]
    second = choose(scores[::-1][:, order], answers[::-1][:, order], turned, turned, 9)
    assert {turned[one.number]: one.rule for one in second} == first


def test_another_seed_draws_others():
    scores, answers = world()
    drawn = [
        {one.number for one in choose(scores, answers, IDS, IDS, 30, seed) if one.rule == DRAWN}
        for seed in (0, 1)
    ]
    assert drawn[0] != drawn[1]


def test_where_all_agree_everything_is_drawn():
    chosen = choose(np.ones((CELLS, N)), np.zeros((CELLS, N), int), IDS, IDS, 6)
    assert [one.rule for one in chosen] == [DRAWN] * 6


def test_other_answers_of_one_score_are_disagreement():
    answers = np.zeros((CELLS, N), int)
    answers[3, 17] = 1
    chosen = choose(np.ones((CELLS, N)), answers, IDS, IDS, 6)
    assert [one.number for one in chosen if one.rule == DISAGREE] == [17]


def test_a_picture_is_shown_once_while_there_are_others():
    scores, answers = world()
    images = [f"i{number // 8}" for number in range(N)]
    chosen = choose(scores, answers, IDS, images, 5)
    assert len({images[one.number] for one in chosen}) == 5
    assert len(choose(scores, answers, IDS, images, 30)) == 30


def test_errors_are_no_answers():
    scores, answers = world()
    scores[:, 39], answers[:, 39] = np.nan, -1
    assert all(one.number != 39 for one in choose(scores, answers, IDS, IDS, 9) if one.rule == DISAGREE)


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [DISAGREE]), (2, [DISAGREE, DRAWN])])
def test_the_gallery_has_some_of_each(count, expected):
    scores, answers = world()
    chosen = choose(scores, answers, IDS, IDS, 9)
    assert [one.rule for one in in_both(chosen, count)] == expected
    assert len(in_both(chosen, 20)) == 9


def test_no_sample_is_no_choice():
    assert choose(np.ones((2, 0)), np.ones((2, 0), int), [], [], 4) == []
