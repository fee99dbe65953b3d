"""Budgets as papers write them: the ratio is that of the tokens that layers then have."""

import pytest

from prunegrid.errors import ConfigError
from prunegrid.study.budgets import budget_of
from prunegrid.study.compute_plan import compute_plan
from prunegrid.study.config import validate
from prunegrid.study.grid import expand
from prunegrid.study.method_budgets import as_text, method_budgets
from prunegrid.study.plan import Plan
from tests.study.plans import HOME, SCHEMA, configuration

LLAVA, NEXT = (32, 576), (32, 2880)


def removed(per_layer, n_tokens):
    """The definition, layer by layer."""
    return 1 - sum(per_layer) / (len(per_layer) * n_tokens)


@pytest.mark.parametrize(
    ("written", "model", "per_layer", "words"),
    [
        (192, LLAVA, [192] * 32, "192 tokens"),
        (64, NEXT, [64] * 32, "64 tokens"),
        ("K=2, R=50%", LLAVA, [576] * 2 + [288] * 30, "K = 2, R = 50 %"),
        (" K = 3,R=12.5 % ", (8, 64), [64] * 3 + [56] * 5, "K = 3, R = 12.5 %"),
        ([[2, 288], [8, 72]], LLAVA, [576] * 2 + [288] * 6 + [72] * 24, "288 from layer 2, 72 from layer 8"),
        ([[0, 100], [16, 50]], LLAVA, [100] * 16 + [50] * 16, "100 from layer 0, 50 from layer 16"),
    ],
)
def test_the_ratio_is_that_of_the_tokens_in_the_layers(written, model, per_layer, words):
    found = budget_of(written, *model)
    assert found.ratio == pytest.approx(removed(per_layer, model[1]), abs=5e-7)
    assert found.words == words


def of(**changes):
    alone = {"strategies": ["constant"], "strategy_specs": {}, "criteria": ["norm"], "ratios": []}
    return validate(configuration(**{**alone, **changes}), SCHEMA)


def test_each_model_has_its_own_ratio():
    specs = {"a": {"path": "a", "image_tokens": 576}, "b": {"path": "b", "image_tokens": 2880}}
    config = of(models=["a", "b"], model_specs=specs, tokens=[288, 144])
    grid = expand(config, {"a": 32, "b": 32}, image_tokens=lambda model: specs[model]["image_tokens"])
    ratios = {m: [c.ratio for c in grid.cells if c.model == m and c.ratio] for m in specs}
    assert ratios == {"a": [0.5, 0.75], "b": [0.9, 0.95]}


def test_folders_have_the_digits_that_a_ratio_needs():
    grid = expand(of(tokens=[192, 288], ratios=[0.667]), {"m": 32}, image_tokens=lambda model: 576)
    names = [cell.folder.split("/")[-2] for cell in grid.cells if cell.ratio]
    assert names == ["ratio-0.667", "ratio-0.666667", "ratio-0.500"]


def test_a_budget_that_is_a_ratio_of_the_study_is_no_second_one():
    grid = expand(of(tokens=[288, "K=16, R=50%"], ratios=[0.5, 0.25]), {"m": 32}, image_tokens=lambda m: 576)
    assert [cell.ratio for cell in grid.cells if cell.ratio] == [0.5, 0.25]


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        (["half"], "tokens: 'half' is no budget: right are 192, 'K=2, R=50%' and "),
        (["K=2, R=120%"], "R is not between 0 and 100 %"),
        ([[[2, 288], [2, 72]]], "layers must be whole numbers that ascend"),
        ([[[2, 72], [8, 288]]], "tokens do not come back"),
        ([[[2]]], "tokens"),
        ([0], "tokens"),
        ([576], "model 'm': tokens: 576 is no budget of a model of 576 image tokens and 32 layers"),
        ([600], "it would remove -0.0416"),
        (["K=32, R=50%"], "layer 32 is not among 0..31"),
    ],
)
def test_mistakes_are_told(tokens, told):
    with pytest.raises(ConfigError, match=told.replace(".", r"\.")):
        expand(of(tokens=tokens), {"m": 32}, image_tokens=lambda model: 576)


def test_values_from_the_command_line():
    """--config hands text over."""
    assert of(tokens="[192, 'K=2, R=50%', [[2, 288]]]")["tokens"] == [192, "K=2, R=50%", [[2, 288]]]
    assert of(tokens=["192", "[[2, 288]]"])["tokens"] == [192, [[2, 288]]]


def plan(tmp_path, monkeypatch, **changes):
    monkeypatch.chdir(tmp_path)
    demo = {"m": {"path": str(HOME / "demo/model"), "dtype": "bfloat16"}}
    return Plan(of(**{"model_specs": demo, **changes}), HOME)


def test_the_model_tells_its_image_tokens(tmp_path, monkeypatch):
    assert [c.ratio for c in plan(tmp_path, monkeypatch, tokens=[16]).grid.cells] == [0.0, 0.75]


def test_a_model_whose_pictures_differ_is_asked_for_its_image_tokens(tmp_path, monkeypatch):
    file = HOME / "tests/fixtures/hub_configs/qwen2-vl-2b.json"
    (tmp_path / "qwen").mkdir()
    (tmp_path / "qwen/config.json").write_text(file.read_text())
    asked = plan(tmp_path, monkeypatch, tokens=[16], model_specs={"m": {"path": "qwen"}})
    with pytest.raises(ConfigError, match=r"model_specs\.m\.image_tokens is not set, and `tokens` needs it"):
        asked.grid  # noqa: B018


def test_the_plan_prints_budgets_in_all_units(tmp_path, monkeypatch):
    study = plan(
        tmp_path, monkeypatch, tokens=[[[2, 16]]], strategies=[], criteria=[], methods=["fastv", "vtw"]
    )
    found = method_budgets(study, compute_plan(study)).set_index("method")
    assert [*found.index] == ["none", "fastv", "vtw"]
    fastv = found.loc["fastv"]
    assert fastv["budget"] == "16 from layer 2 (ratio 0.5625)"
    assert (fastv["mean_image_tokens"], fastv["last_image_tokens"]) == ((2 * 64 + 6 * 16) / 8, 16)
    assert found.loc["vtw", "last_image_tokens"] == 0
    # Keys and values, 2 bytes a number, of the image tokens that leave: 48 in 6 of 8 layers.
    config = study.inputs.model_config("m")["text_config"]
    size = config["hidden_size"] // config["num_attention_heads"] * config["num_key_value_heads"]
    saved = found.loc["none", "kv_cache_mb"] - fastv["kv_cache_mb"]
    assert saved == pytest.approx(2 * 2 * size * 6 * 48 / 1e6)
    text = as_text(found.reset_index())
    assert "16 from layer 2 (ratio 0.5625)" in text
    assert "tokens a layer  at the end  published  total  cache, MB" in text
