"""`prune` with plug-in objects beside names, and what a `Pruning` says of itself."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import prunegrid
from prunegrid import criteria, plugins, strategies
from prunegrid.criteria import Gradient, Norm
from prunegrid.errors import ConfigError, PruningError
from prunegrid.strategies import Hierarchical
from tests.pruning.tiny import collate, requests, tiny_llava


@pytest.fixture(scope="module")
def model():
    return tiny_llava()


def test_objects_are_names_with_their_options(model):
    inputs = collate([requests(3)[1]])
    kept = []
    for strategy, criterion, options in (
        (Hierarchical(layers=(1, 3)), Norm(reverse=True), {}),
        (
            "hierarchical",
            "norm",
            {"strategy_options": {"layers": [1, 3]}, "criterion_options": {"reverse": True}},
        ),
        (Hierarchical(layers=(1, 3)), "norm", {"criterion_options": {"reverse": True}}),
    ):
        with prunegrid.prune(model, strategy, criterion, ratio=0.5, **options) as pruning:
            model(**inputs)
        kept.append(pruning.kept)
    assert kept[0][0]
    assert kept[0] == kept[1] == kept[2]


@pytest.mark.parametrize(
    ("strategy", "criterion", "options", "match"),
    [
        (
            Hierarchical(),
            "norm",
            {"strategy_options": {"layers": [1, 3]}},
            r"strategy_options=\{'layers': \[1, 3",
        ),
        (
            "single",
            Norm(),
            {"criterion_options": {"reverse": True}},
            "Norm.reverse=False, merge='drop'. has its options",
        ),
        (
            Norm(),
            Hierarchical(),
            {},
            r"Norm\(reverse=False, merge='drop'\) is no strategy: .* prunegrid.Strategy",
        ),
        ("single", Norm(reverse="no"), {}, r"Norm.*: reverse: 'no' is not true or false"),
        (
            "single",
            "norm",
            {"criterion_options": {"reverse": "no"}},
            "'norm': reverse: 'no' is not true",
        ),
        (
            "single",
            "norm",
            {"strategy_options": {"layer": "2"}},
            "layer: '2' is not a number",
        ),
        (Hierarchical(layers="28"), "norm", {}, "layers: '28' is not a list of numbers"),
        ("hierarchical", "norm", {"strategy_options": {"keep": ["0.5", "0.2"]}}, "keep: .* numbers or null"),
        ("single", Gradient, {}, "<class .*Gradient'> is no criterion: give the name of one, or an instance"),
    ],
)
def test_what_cannot_be_meant_is_refused(model, strategy, criterion, options, match):
    with (
        pytest.raises(ConfigError, match=match),
        prunegrid.prune(model, strategy, criterion, ratio=0.5, **options),
    ):
        pass


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"ratio": "0.5"}, "ratio: '0.5' is no number"),
        ({"ratio": [0.5]}, r"ratio: \[0.5\] is no number"),
        ({"ratio": True}, "ratio: True is no number"),
        ({"ratio": float("nan")}, "ratio nan is out of reach"),
        ({"seed": "7"}, "seed: '7' is no whole number"),
        ({"seed": 1.5}, "seed: 1.5 is no whole number"),
        ({"sample_ids": "ab"}, "sample_ids: 'ab' is one text"),
        ({"sample_ids": ["a"]}, "1 sample_ids for a batch of 2"),
    ],
)
def test_an_argument_of_another_type_is_refused(model, arguments, match):
    with (
        pytest.raises(PruningError, match=match),
        prunegrid.prune(model, "single", "random", **{"ratio": 0.5, **arguments}),
    ):
        model(**collate(requests(3)[:2]))


def test_numbers_of_numpy_are_numbers(model):
    inputs = collate(requests(3)[:2])
    kept = []
    for number, whole in ((float, int), (np.float64, np.int64), (np.float32, np.int32)):
        options = {"strategy_options": {"layer": whole(2)}}
        with prunegrid.prune(model, "single", "random", number(0.5), whole(3), **options) as pruning:
            model(**inputs)
        kept.append(pruning.kept)
    assert kept[0] == kept[1] == kept[2]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (lambda model: "llava-hf/llava-1.5-7b-hf", "model: str is no transformers model"),
        (torch.nn.DataParallel, "model: DataParallel is no transformers model: give the model itself"),
        (torch.compile, "model: OptimizedModule is no transformers model"),
        (lambda model: model.model, "LlavaModel is a part of a model"),
        (lambda model: model.model.language_model, "model type 'llama' is not supported"),
    ],
)
def test_what_is_no_model_is_refused(model, given, match):
    with pytest.raises(PruningError, match=match), prunegrid.prune(given(model), "single", "norm", 0.5):
        pass


@pytest.mark.parametrize("folder", [criteria, strategies])
def test_every_leaf_is_found_by_its_class(folder):
    kind = folder.__name__.rpartition(".")[2]
    for name in plugins.names(kind):
        plugin = plugins.load(kind, name)
        assert getattr(folder, plugin.__name__) is plugin
        assert plugin.__name__ in dir(folder)


def test_an_unknown_class_is_named_with_the_nearest():
    with pytest.raises(
        AttributeError, match=r"'prunegrid.criteria' has no attribute 'Nrom': did you mean 'Norm'"
    ):
        criteria.Nrom  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import prunegrid.criteria as folder; assert 'Norm' in dir(folder)",
        "from prunegrid.strategies import Hierarchical; import prunegrid.criteria",
    ],
)
def test_folders_of_leaves_import_no_torch(code):
    code += "; import sys; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, 'src'); {code}"], check=True)


def test_a_pruning_says_what_it_does_and_did(model):
    with prunegrid.prune(model, Hierarchical(layers=(1, 3)), Norm(), ratio=0.5) as pruning:
        before = repr(pruning)
        model(**collate(requests(5)[:2]))
    of_all = "positions='original', rounding='half_up'"
    said = f"<Pruning Hierarchical({of_all}, layers=(1, 3), keep=None) x "
    said += "Norm(reverse=False, merge='drop'), ratio 0.5, last prefill: "
    assert before == f"{said}none>"
    (first, second) = pruning.schedule[0]
    cuts = f"25 image tokens, {first[1]} from layer 1, {second[1]} from layer 3"
    assert repr(pruning) == f"{said}2 row(s) of {cuts}>"


def test_a_strategy_that_ranks_nothing_is_shown_without_a_criterion(model):
    with prunegrid.prune(model, "blind") as pruning:
        assert "Norm" not in repr(pruning)
        assert repr(pruning).startswith(
            "<Pruning Blind(positions='original', rounding='half_up'), ratio None"
        )
