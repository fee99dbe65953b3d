"""Every strategy hits its ratio, for every size of model and image."""

import itertools

import pytest

from prunegrid.errors import ConfigError, PruningError, UnreachableRatioError
from prunegrid.plugins import build
from prunegrid.pruning.schedule import ROUNDINGS, Schedule, count_tokens, resolve_layer
from prunegrid.pruning.solve_ratio import solve

SOLVED = ["hierarchical", "uniform", "constant", "random", "single", "pyramid", "input"]
OPTIONS = {"hierarchical": {"layers": [0.0625, 0.25]}}


@pytest.mark.parametrize("name", SOLVED)
@pytest.mark.parametrize("n_layers", [8, 24, 32, 40])
@pytest.mark.parametrize("n_tokens", [100, 144, 576, 2880])
@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.65])
def test_ratio_is_reached(name, n_layers, n_tokens, ratio):
    schedule = build("strategies", name, OPTIONS.get(name)).solve(ratio, n_layers, seed=1, n_tokens=n_tokens)
    counts = schedule.tokens_per_layer(n_tokens)
    assert abs(1 - sum(counts) / (n_layers * n_tokens) - ratio) <= 0.005
    assert schedule.ratio(n_tokens) == pytest.approx(1 - sum(counts) / (n_layers * n_tokens))
    assert (counts[0] < n_tokens) == (name == "input")
    assert all(a >= b >= 1 for a, b in itertools.pairwise(counts))


def test_published_settings():
    hierarchical = build("strategies", "hierarchical")
    assert hierarchical.solve(0.75, 32, n_tokens=576).counts(576) == [(2, 288), (8, 72)]
    assert hierarchical.solve(0.775, 40, n_tokens=576).counts(576) == [(2, 288), (8, 72)]
    shares = dict(hierarchical.solve(0.75, 32).cuts)
    assert shares[2] == pytest.approx(0.5, abs=1e-9)
    assert shares[8] == pytest.approx(0.125, abs=1e-9)


@pytest.mark.parametrize("name", SOLVED)
def test_few_tokens_take_the_nearest_integers(name):
    """Against a search over all strengths: no other one comes nearer."""
    n_layers, n_tokens = 8, 16
    strategy = build("strategies", name, OPTIONS.get(name))
    for ratio in (0.3, 0.5, 0.65):
        schedule = strategy.solve(ratio, n_layers, seed=2, n_tokens=n_tokens)
        error = abs(schedule.ratio(n_tokens) - ratio)
        if name == "random":
            assert error < 0.05
            continue
        others = [
            Schedule(n_layers, tuple(strategy.cuts(step / 5000, n_layers))).ratio(n_tokens)
            for step in range(5000)
        ]
        assert error <= max(0.005, min(abs(other - ratio) for other in others) + 1e-9)


def test_uniform_drops_the_same_fraction_everywhere():
    shares = build("strategies", "uniform").solve(0.5, 12).shares()
    fractions = {round(b / a, 6) for a, b in itertools.pairwise(shares)}
    assert len(fractions) == 1


def test_pyramid_and_exit_layers():
    assert [layer for layer, _ in build("strategies", "pyramid").solve(0.5, 32).cuts] == [8, 16, 24]
    assert build("strategies", "exit").solve(0.75, 32).cuts == ((8, 0.0),)
    assert build("strategies", "exit").solve(0.65, 8).ratio() == pytest.approx(0.625)


def test_pyramid_whose_later_cuts_keep_a_share_of_their_own():
    """VScan's budgets: 64 of 576 tokens on average are 96, and 32 from the middle on."""
    vscan = build("strategies", "pyramid", {"layers": [0, 0.5], "later": 1 / 3})
    assert vscan.solve(1 - 64 / 576, 32, n_tokens=576).counts(576) == [(0, 96), (16, 32)]
    assert vscan.solve(1 - 192 / 576, 28, n_tokens=576).counts(576) == [(0, 288), (14, 96)]
    three = build("strategies", "pyramid", {"later": 0.5}).solve(0.5, 32)
    first = three.cuts[0][1]
    assert [share for _, share in three.cuts] == pytest.approx([first, first / 2, first / 4])
    # The first cut can keep all, the others drop what they drop.
    with pytest.raises(UnreachableRatioError, match=r"0\.333 to "):
        vscan.solve(0.2, 32)
    with pytest.raises(ConfigError, match=r"later must be a share in \(0, 1\], got 0"):
        build("strategies", "pyramid", {"later": 0})


def test_random_depends_on_the_seed_alone():
    strategy = build("strategies", "random", {"cuts": 3})
    assert strategy.solve(0.5, 32, seed=4) == strategy.solve(0.5, 32, seed=4)
    drawn = {strategy.solve(0.5, 32, seed=seed).cuts for seed in range(10)}
    assert len(drawn) == 10
    assert all(len(cuts) == 3 for cuts in drawn)
    assert strategy.solve(0.9, 32, seed=0).attempts > 1


@pytest.mark.parametrize(
    ("name", "ratio"), [("pyramid", 0.8), ("constant", 0.98), ("exit", 0.99), ("random", 0.98)]
)
def test_out_of_reach_names_the_range(name, ratio):
    with pytest.raises(UnreachableRatioError, match=r"out of reach.*\d\.\d{3}"):
        build("strategies", name).solve(ratio, 32)


def test_explicit_keep_fixes_the_ratio():
    strategy = build("strategies", "hierarchical", {"layers": [3, 4], "keep": [0.5, 0.25]})
    assert strategy.solve(None, 16).shares() == [1, 1, 1, 0.5] + [0.25] * 12
    with pytest.raises(UnreachableRatioError, match=r"fixes it at 0\.594"):
        strategy.solve(0.75, 16)


def test_layers_as_fractions():
    assert resolve_layer(0.0625, 32) == 2
    assert resolve_layer(0.0625, 12) == 1
    assert resolve_layer(0.29, 100) == 29
    with pytest.raises(PruningError, match=r"0\.\.7"):
        resolve_layer(8, 8)
    with pytest.raises(PruningError, match=r"0\.\.7"):
        resolve_layer(-1, 8)
    assert resolve_layer(0, 8) == 0
    assert resolve_layer(0.01, 8) == 1


def test_counts_round_half_up():
    assert count_tokens([(1, 0.5), (2, 0.125), (3, 0.001)], 5) == [(1, 3), (2, 1), (3, 1)]
    assert count_tokens([(1, 0.0)], 5) == [(1, 0)]


@pytest.mark.parametrize(
    ("rounding", "kept"),
    [("half_up", [73, 36, 18]), ("half_even", [72, 36, 18]), ("floor", [72, 36, 18])],
)
def test_rounding_of_published_counts(rounding, kept):
    """Half of 145 tokens: FastV's code rounds halves to the even number, PyramidDrop's rounds down."""
    assert [n for _, n in count_tokens([(1, 0.5), (2, 0.25), (3, 0.125)], 145, rounding)] == kept


@pytest.mark.parametrize("n_tokens", range(1, 40))
def test_rounding_is_pythons(n_tokens):
    for eighths in range(1, 9):
        exact = eighths * n_tokens / 8
        found = {how: count_tokens([(1, eighths / 8)], n_tokens, how)[0][1] for how in ROUNDINGS}
        assert found["half_even"] == max(1, round(exact))
        assert found["floor"] == max(1, int(exact))
        assert found["half_up"] == max(1, int(exact + 0.5))


@pytest.mark.parametrize("name", ["hierarchical", "uniform", "random", "cuts", "input"])
def test_the_strategys_rounding_reaches_the_counts(name):
    options = {"rounding": "floor", **({"cuts": [[2, 0.5]]} if name == "cuts" else {})}
    strategy = build("strategies", name, options)
    for n_tokens in (None, 145):
        schedule = strategy.schedule_for(None if name == "cuts" else 0.5, 16, n_tokens=n_tokens)
        assert schedule.counts(145) == count_tokens(schedule.cuts, 145, "floor")
    assert abs(schedule.ratio(145) - 0.5) <= 0.005 or name == "cuts"


def test_one_cut_at_the_input():
    schedule = build("strategies", "input").solve(0.75, 32, n_tokens=576)
    assert schedule.counts(576) == [(0, 144)]
    assert build("strategies", "input").positions == "contiguous"
    assert build("strategies", "single").positions == "original"


def test_listed_cuts():
    fastv = build("strategies", "cuts", {"cuts": [[2, 0.5]]})
    assert fastv.solve(None, 32, n_tokens=576).counts(576) == [(2, 288)]
    mixed = build("strategies", "cuts", {"cuts": [[0, 0.5], [0.5, 64], [24, 0.01]]})
    assert mixed.solve(None, 32, n_tokens=576).counts(576) == [(0, 288), (16, 64), (24, 6)]
    # A sample keeps the number that is listed, whatever its own N, or all that it has.
    assert mixed.solve(None, 32, n_tokens=1000).counts(1000) == [(0, 500), (16, 64), (24, 10)]
    assert mixed.solve(None, 32, n_tokens=60).counts(60) == [(0, 30), (16, 30), (24, 1)]


def test_a_ratio_must_agree_with_listed_cuts():
    tokens = build("strategies", "cuts", {"cuts": [[0, 192]]})
    assert tokens.solve(0.667, 32, n_tokens=2880).counts(2880) == [(0, 192)]
    with pytest.raises(UnreachableRatioError, match=r"\[\[0, 192\]\] fix it at 0\.667"):
        tokens.solve(0.5, 32)
    more = build("strategies", "cuts", {"cuts": [[0, 192]], "image_tokens": 2880})
    assert more.solve(None, 32).ratio() == pytest.approx(1 - 192 / 2880)


@pytest.mark.parametrize(
    ("cuts", "fault"),
    [
        ([], "must list"),
        ([[2]], "must list"),
        ([[2, 1.5]], "must list"),
        ([[2, 0]], "must list"),
        ([[2, True]], "must list"),
        ("2", "must list"),
        ([[2, 0.5], [4, 0.75]], "keep 0.75 from layer 4 on, more than the 0.5 before"),
        ([[2, 10], [4, 11]], "keep 11 from layer 4 on"),
    ],
)
def test_cuts_that_cannot_be_listed(cuts, fault):
    with pytest.raises(ConfigError, match=fault):
        build("strategies", "cuts", {"cuts": cuts})


def test_unknown_positions_and_rounding_are_refused():
    with pytest.raises(ConfigError, match="positions='moved' is none of 'original', 'contiguous'"):
        build("strategies", "single", {"positions": "moved"})
    with pytest.raises(ConfigError, match="rounding='up' is none of 'half_up', 'floor', 'half_even'"):
        build("strategies", "hierarchical", {"rounding": "up"})


def test_bad_options_are_named():
    with pytest.raises(ConfigError, match=r"no option 'layerz'.*did you mean 'layers'"):
        build("strategies", "hierarchical", {"layerz": [1, 2]})
    with pytest.raises(ConfigError, match="must name two cuts"):
        build("strategies", "hierarchical", {"layers": [1]})
    with pytest.raises(ConfigError, match="did you mean 'uniform'"):
        build("strategies", "unifrom")


def test_solver_needs_monotone_cuts_only():
    schedule = solve(lambda s: [(1, 1 - s)], 0.25, 2, 10)
    assert schedule.counts(10) == [(1, 5)]
