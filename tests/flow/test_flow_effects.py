"""Numbers of flow.csv, worked out by hand; layers are suggested where intervals allow it, nowhere else."""

import csv
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from prunegrid.findings.suggested_layers import suggest_layers
from prunegrid.report import flow_figure
from prunegrid.report.flow_figure import draw_flow, plot_flow
from prunegrid.results.flow_rows import FLOWS, HIDDEN_FLOWS, IMAGE_TO_IMAGE, TEXT_TO_IMAGE, write_flow_rows
from prunegrid.statistics.score_interval import score_limits
from prunegrid.statistics.testing import mcnemar_exact
from prunegrid.tables.flow_effects import CHANGED, DIFFERENCE, SHARE, FlowEffect, flow_effects
from prunegrid.tables.options import TableOptions
from prunegrid.tables.signs import MINUS
from tests.docs import columns

OPTIONS = TableOptions(replicates=500)
N, LAYERS = 40, 2
METADATA = {"key": "k", "n_layers": LAYERS, "headline": "accuracy"}


def rows(wrong, flow=None, first=0, end=LAYERS, error=None):
    """Return rows of N samples, each of its own image; those below `wrong` are wrong, one is an error."""
    for number in range(N):
        failed = number == error
        right = number >= wrong
        shares = {name: [0.25, number / N] if flow is None and not failed else None for name in FLOWS}
        yield {
            "sample_id": f"s{number}",
            "image_id": f"i{number}",
            **({} if flow is None else {"flow": flow, "first": first, "end": end}),
            "prediction": "text",
            "parsed_answer": None if failed else "yes" if right else "no",
            "score": None if failed else float(right),
            "status": "error" if failed else "ok",
            **shares,
        }


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "b.parquet"
    # Of the 39 samples that both answered, 18 get another answer: all of them were right.
    made = [*rows(2), *rows(20, TEXT_TO_IMAGE, 0, 2, error=39), *rows(2, IMAGE_TO_IMAGE, 1, 2)]
    write_flow_rows(path, made, METADATA)
    return path


def test_numbers_are_those_of_the_samples(file):
    found = flow_effects({"b": (pd.read_parquet(file), METADATA)}, OPTIONS)
    by = {(one.quantity, one.flow, one.first, one.end): one for one in found}
    assert len(by) == len(found) == len(FLOWS) * LAYERS + 2 * 2
    for flow in FLOWS:
        assert by[SHARE, flow, 0, 1].value == pytest.approx(0.25, abs=1e-6)
        assert by[SHARE, flow, 1, 2].value == pytest.approx((N - 1) / 2 / N, abs=1e-6)
    lost, same = (TEXT_TO_IMAGE, 0, 2), (IMAGE_TO_IMAGE, 1, 2)
    assert by[CHANGED, *lost].value == pytest.approx(18 / 39)
    assert by[CHANGED, *same].value == 0
    assert by[DIFFERENCE, *lost].value == pytest.approx(-18 / 39)
    assert by[DIFFERENCE, *lost].n == 39
    assert {one.n_asked for one in found} == {N}
    p = mcnemar_exact(0, 18)
    assert by[DIFFERENCE, *lost].p == pytest.approx(p)
    assert by[DIFFERENCE, *lost].p_corrected == pytest.approx(2 * p)
    # Nothing changed, and of 40 samples that excludes little: the interval stays open.
    limits = score_limits(np.zeros((N, 1)), np.ones((N, 1)))[:, 0]
    assert [by[DIFFERENCE, *same].low, by[DIFFERENCE, *same].high] == pytest.approx(limits)
    assert {one.metric for one in found} == {"accuracy"}
    assert np.isnan([one.p for one in found if one.quantity != DIFFERENCE]).all()


def test_rows_that_share_a_picture_count_as_one(file, tmp_path):
    table = pd.read_parquet(file)
    single = flow_effects({"b": (table, METADATA)}, OPTIONS)
    shared = flow_effects({"b": (table.assign(image_id=table["image_id"].str[:2]), METADATA)}, OPTIONS)
    for one, other in zip(single, shared, strict=True):
        assert one.value == other.value or np.isnan(one.value)
        if one.quantity == DIFFERENCE and one.value:
            assert other.high - other.low > one.high - one.low


def effect(flow, first, low, *, value=0.0, p=1.0, benchmark="b", quantity=DIFFERENCE, end=8):
    return FlowEffect(benchmark, quantity, flow, first, end, value, low, -low, p, p, 100, 100, 8, "accuracy")


def tails(reads, mixes, **more):
    """Return effects of each flow hidden from layers 0, 2, 4 and 6 on, whose lower limits are given."""
    blind = effect(TEXT_TO_IMAGE, 0, -0.6, value=-0.5, p=0.001, **more)
    return [
        blind,
        *(
            effect(flow, first, low, **more)
            for flow, lows in ((TEXT_TO_IMAGE, reads), (IMAGE_TO_IMAGE, mixes))
            for first, low in lows.items()
        ),
        *(effect(TEXT_TO_IMAGE, layer, 0.4, value=0.5, quantity=SHARE, end=layer + 1) for layer in range(8)),
    ]


GOOD, BAD = -0.01, -0.2


@pytest.mark.parametrize(
    ("reads", "mixes", "k1", "k2"),
    [
        ({2: BAD, 4: GOOD, 6: GOOD}, {0: BAD, 2: GOOD, 4: GOOD, 6: GOOD}, 2, 4),
        # A later failure ends the search, whatever passes before it.
        ({2: GOOD, 4: BAD, 6: GOOD}, {0: GOOD, 2: GOOD, 4: GOOD, 6: GOOD}, 1, 6),
        ({2: GOOD, 4: GOOD, 6: BAD}, {0: BAD, 2: GOOD, 4: GOOD, 6: GOOD}, 2, None),
        ({2: BAD, 4: BAD, 6: GOOD}, {0: GOOD, 2: GOOD, 4: GOOD, 6: BAD}, None, 6),
        # Exactly the margin is not excluded.
        ({2: BAD, 4: -0.05, 6: GOOD}, {0: BAD, 2: BAD, 4: BAD, 6: BAD}, None, 6),
    ],
)
def test_layers_are_suggested_where_no_loss_is_left(reads, mixes, k1, k2):
    found = suggest_layers(tails(reads, mixes), 5.0)
    assert (found.k1, found.k2) == (k1, k2)
    words = " ".join(found.reasons)
    for name, layer in (("K1", k1), ("K2", k2)):
        assert (f"No suggestion of {name}" in words) == (layer is None)
        told = f"no suggestion of {name}" if layer is None else f"{name} = {layer}"
        assert told in found.sentence
    assert "a single cut" not in words
    assert "50 % in" in words


@pytest.mark.parametrize("mixes", [{0: BAD, 2: GOOD, 4: GOOD, 6: GOOD}, {0: BAD, 2: BAD, 4: GOOD, 6: GOOD}])
def test_where_k1_would_not_be_before_k2_one_cut_is_suggested(mixes):
    found = suggest_layers(tails({2: GOOD, 4: GOOD, 6: GOOD}, mixes), 5.0)
    assert (found.k1, found.k2) == (None, 2)
    assert found.sentence == "a single cut, before K2 = 2"
    assert "K1 is not before K2: a single cut, before K2, is what these numbers support." in found.reasons
    assert found.reasons[-1].startswith("Text gives the image 50 % in layers 0 to 1, 50 % in layers 2 to 7")


def test_a_suggestion_says_what_it_rests_on():
    found = suggest_layers(tails({2: BAD, 4: GOOD, 6: GOOD}, {0: BAD, 2: GOOD, 4: GOOD, 6: GOOD}), 5.0)
    assert found.sentence == "K1 = 2 and K2 = 4"
    needed, k2, k1, shares = found.reasons
    assert needed.startswith(f"The image is needed: without it b {MINUS}50.0 points")
    assert "image tokens hidden from text from layer 4 on" in k2
    assert f"a loss of more than 5 points is excluded (b 0.0 points, 95 % interval {MINUS}1.0 to +1.0" in k2
    assert f"from layer 2 on it is not (b 0.0 points, 95 % interval {MINUS}20.0" in k2
    assert "image tokens hidden from one another from layer 2 on" in k1
    assert shares == (
        "Text gives the image 50 % in layers 0 to 1, 50 % in layers 2 to 3, 50 % in layers 4 to 7 of its "
        "attention."
    )


def test_without_a_benchmark_that_needs_the_image_nothing_is_suggested():
    effects = [
        effect(flow, first, GOOD, p=0.2, value=-0.005) for flow in HIDDEN_FLOWS for first in range(0, 8, 2)
    ]
    found = suggest_layers(effects, 5.0)
    assert (found.k1, found.k2) == (None, None)
    assert found.sentence == "no suggestion of K1 and K2"
    assert "No benchmark is told to need the image" in found.reasons[0]


def test_all_that_need_the_image_must_agree_and_others_have_no_say():
    agreeing = tails({2: GOOD, 4: GOOD, 6: GOOD}, {0: GOOD, 2: GOOD, 4: GOOD, 6: GOOD})
    other = tails({2: BAD, 4: BAD, 6: GOOD}, {0: GOOD, 2: GOOD, 4: GOOD, 6: GOOD}, benchmark="c")
    assert suggest_layers([*agreeing, *other], 5.0).k2 == 6
    untold = [one for one in other if one.value == 0] + [effect(TEXT_TO_IMAGE, 0, BAD, benchmark="c")]
    found = suggest_layers([*agreeing, *untold], 5.0)
    assert found.k2 == 2
    assert "c: not told to need the image, so without a say." in found.reasons


def test_samples_are_the_first_and_those_left_out_are_told():
    effects = tails({2: BAD, 4: GOOD, 6: GOOD}, {0: BAD, 2: GOOD, 4: GOOD, 6: GOOD})
    reasons = suggest_layers(effects, 5.0).reasons
    assert len([text for text in reasons if "; of the first 100 samples)" in text]) == 2
    assert not any("left out" in text for text in reasons)
    for needed in (True, False):
        some = [replace(one, n=97 + number % 2) for number, one in enumerate(effects)]
        some = some if needed else [replace(one, p_corrected=1.0) for one in some]
        told = suggest_layers(some, 5.0).reasons[-1]
        assert told.startswith("b: up to 3 of the first 100 samples are left out of a number: memory did not")
    other = tails({2: GOOD, 4: GOOD, 6: GOOD}, {0: BAD, 2: BAD, 4: BAD, 6: BAD}, benchmark="c")
    reasons = suggest_layers([*effects, *(replace(one, n_asked=120, n=120) for one in other)], 5.0).reasons
    assert any("; of the first 100 samples of b and 120 samples of c)" in text for text in reasons)
    assert any("; of the first 120 samples: more would narrow it)" in text for text in reasons)


def test_a_larger_margin_allows_more():
    effects = tails({2: BAD, 4: -0.08, 6: GOOD}, {0: BAD, 2: GOOD, 4: GOOD, 6: GOOD})
    assert [suggest_layers(effects, margin).k2 for margin in (0.5, 5.0, 10.0)] == [None, 6, 4]


def test_what_is_drawn_can_be_read(tmp_path, monkeypatch):
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: figures.append(self) or save(self, *a, **k))
    effects = tails({2: BAD, 4: GOOD, 6: GOOD}, {0: BAD, 2: GOOD, 4: GOOD, 6: GOOD})
    effects += [effect(IMAGE_TO_IMAGE, layer, 0.4, quantity=SHARE, end=layer + 1) for layer in range(8)]
    effects += [effect(TEXT_TO_IMAGE, 0, -0.1, value=-0.05, end=2)]
    draw_flow(effects, suggest_layers(effects, 5.0), 5.0, tmp_path / "flow")
    top, left, right = figures[0].axes
    assert [text.get_text() for text in top.texts] == ["K1 = 2", "K2 = 4"]
    assert [line.get_label() for line in top.get_lines()[:2]] == ["text reads image", "image reads image"]
    assert top.get_lines()[0].get_ydata().tolist() == [50] * 8
    assert left.get_title("left") == "b"
    marks = [line for line in left.get_lines() if line.get_marker() != "None"]
    assert [line.get_ydata()[0] for line in marks] == [0, 0, -5]
    assert left.get_xlabel() == "hidden in 2 layers around this"
    filled = [line for line in right.get_lines() if line.get_markerfacecolor() not in ("white", "none")]
    assert any(line.get_ydata()[0] == -50 for line in filled)
    for panel in (top, left, right):
        dashed = [line.get_xdata()[0] for line in panel.get_lines() if line.get_color() == "black"]
        assert dashed == [1.5, 3.5]
    box = figures[0].legends[0].get_window_extent()
    assert not any(box.overlaps(panel.get_window_extent()) for panel in figures[0].axes)


@pytest.mark.parametrize(
    ("width", "last", "label"),
    [
        (1, 1, "hidden in this layer"),
        (3, 3, "hidden in 3 layers around this"),
        # L = 28, windows of 3 layers that begin every 3.
        (3, 1, "hidden in 3 layers around this,\nthe last in 1"),
    ],
)
def test_a_last_window_that_is_shorter_is_told(width, last, label):
    assert flow_figure._window_label(width, last) == label


def test_numbers_and_what_they_suggest_are_written(file, tmp_path):
    files = plot_flow("m", {"b": file}, {"b": "k"}, tmp_path / "one", OPTIONS)
    assert [one.name for one in files] == ["flow.svg", "flow.png", "flow.csv", "flow.json"]
    told = json.loads(files[3].read_text(encoding="utf-8"))
    assert told["model"] == "m"
    assert told["samples"] == {"b": N}
    assert told["reasons"][-1].startswith(f"b: up to 1 of the first {N} samples are left out of a number")
    # Nothing was asked with text hidden from a later layer on.
    assert (told["k1"], told["k2"]) == (None, None)
    assert told["reasons"][1].startswith("No suggestion of K2: already with image tokens hidden from text")
    with files[2].open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    expected = flow_effects({"b": (pd.read_parquet(file), METADATA)}, OPTIONS)
    assert [float(row["value"]) for row in rows] == [one.value for one in expected]
    assert rows[0]["p"] == ""
    assert columns.of_csv(files[2]) == []
