"""docs/plugins.md describes each kind of plug-in as it is, and its examples do what they say."""

import json
import re
from dataclasses import fields, is_dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from transformers import VipLlavaConfig, VipLlavaForConditionalGeneration

import prunegrid
from prunegrid import Adapter, Criterion, Family, Method, Scorer, Stage, Strategy, plugins
from prunegrid.plugin_folders import VARIABLE
from prunegrid.study.plugin_checks import code_faults
from tests.docs.pages import blocks, codes, section, tables, text

PAGE = "plugins.md"
BASES = {
    "Criterion": Criterion,
    "Strategy": Strategy,
    "Benchmark": Adapter,
    "Scorer": Scorer,
    "Model family": Family,
    "Method": Method,
}
FOLDER = "my/plugins"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Write the examples where their first lines say that they are."""
    for source in blocks(text(PAGE), "python"):
        file = tmp_path / source.partition("\n")[0].removeprefix("# ")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(tmp_path / FOLDER))
    return tmp_path


def test_the_folder_shown_is_that_of_the_examples(folder):
    listed = re.findall(r"^  (\w+/\w+\.py)", text(PAGE), re.M)
    files = (folder / FOLDER).rglob("*.py")
    assert sorted(listed) == sorted(str(file.relative_to(folder / FOLDER)) for file in files)


@pytest.mark.parametrize("heading", BASES)
def test_class_attributes_and_their_defaults(heading):
    listed = {}
    for names, defaults, _ in tables(section(PAGE, heading))[-1]:
        values = codes(defaults) or [None] * len(codes(names))
        listed |= dict(zip(codes(names), values, strict=True))
    base = BASES[heading]
    declared = {name for name, kind in base.__annotations__.items() if "ClassVar" in str(kind)}
    # A benchmark's is a class attribute that its specification may replace.
    declared |= {"max_new_tokens"} & set(base.__annotations__)
    assert set(listed) == declared
    for name, default in listed.items():
        assert (default is not None) == (name in vars(base)), name
        assert default is None or getattr(base, name) == eval(default), name


def test_a_stage_gives_what_is_listed():
    (rows, _) = tables(section(PAGE, "Criterion"))
    listed = {re.match(r"\w+", name)[0] for names, *_ in rows for name in codes(names)}
    public = {field.name for field in fields(Stage) if not field.name.startswith("_")}
    methods = {name for name, it in vars(Stage).items() if callable(it) or isinstance(it, property)}
    public |= {name for name in methods if not name.startswith("_")}
    assert listed <= public


def test_a_family_defines_what_is_listed():
    (rows, _) = tables(section(PAGE, "Model family"))
    listed = {codes(row[0])[0].partition("(")[0] for row in rows} | {"vision_flops", "tile_tokens"}
    assert listed == {
        name for name in vars(Family) if not name.startswith("_") and callable(vars(Family)[name])
    }


@pytest.mark.parametrize(
    ("kind", "name"),
    [("criteria", "distance"), ("criteria", "edges"), ("strategies", "linear"), ("scorers", "number")],
)
def test_examples_are_frozen_dataclasses(kind, name):
    found = plugins.load(kind, name)
    assert is_dataclass(found)
    assert found.__dataclass_params__.frozen


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_examples_pass_the_check_before_a_run(folder, kind):
    files = list((folder / FOLDER / kind).glob("*.py"))
    assert files
    for file in files:
        assert code_faults(kind, file.stem) == []


def test_the_strategy_reaches_a_ratio():
    schedule = plugins.build("strategies", "linear").solve(0.25, 8, n_tokens=64)
    assert schedule.ratio() == pytest.approx(0.25, abs=1e-6)
    assert np.diff(schedule.shares(), n=2) == pytest.approx(0, abs=1e-6)


def test_the_criterion_scores_by_distance():
    hidden = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [9.0, 9.0]]])
    stage = type("Stage", (), {"hidden": hidden, "image": torch.tensor([[True, True, True, False]])})
    scores = plugins.build("criteria", "distance").score(stage)
    assert scores[0, :3].tolist() == [2.0, 0.0, 2.0]


def test_the_set_rule_keeps_both_ends():
    image = torch.tensor([[True] * 5 + [False], [False] * 6])
    numbers = torch.where(image, torch.arange(6), -1)
    stage = type("Stage", (), {"numbers": numbers, "image": image, "n_keep": torch.tensor([3, 0])})
    found = plugins.build("criteria", "edges").select(stage)
    assert found.nonzero().tolist() == [[0, 0], [0, 1], [0, 4]]


def test_the_benchmark_asks_and_the_scorer_reads(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    rows = [{"image": "a.png", "question": "How many?", "count": count} for count in (2, 3, None)]
    data = tmp_path / "counts.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    adapter = plugins.load("benchmarks", "counting")
    samples = list(adapter({"path": str(data)}).samples())
    assert samples[0].prompt == "How many?\nAnswer with a number."
    assert [sample.answer for sample in samples] == ["2", "3", None]
    assert "count is null" in samples[2].error

    predictions = pd.DataFrame(
        {
            "sample_id": [sample.sample_id for sample in samples],
            "image_id": "a",
            "answer": [sample.answer for sample in samples],
            "prediction": ["There are 2.", "4", ""],
            "status": ["ok", "ok", "error"],
        }
    )
    scores = plugins.build("scorers", adapter.scorer).score(predictions, replicates=100)
    assert (scores.n, scores.n_error) == (3, 1)
    assert scores.variants == {"accuracy": {"exact": 0.5, "near": 1.0}}
    assert scores.metrics["accuracy"]["value"] == 0.5


def test_the_family_prunes_its_model_and_counts_what_its_tower_runs():
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 2}
    config = VipLlavaConfig(
        text_config={"model_type": "llama", "vocab_size": 50, "num_key_value_heads": 2, **sizes},
        vision_config={"model_type": "clip_vision_model", "image_size": 16, "patch_size": 4, **sizes},
        vision_feature_layer=[-2, 1],
        image_token_index=49,
        image_seq_length=16,
        attn_implementation="eager",
    )
    model = VipLlavaForConditionalGeneration(config).eval()
    pixels = torch.rand(1, 3, 16, 16)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.model.get_image_features(pixels)
    family = plugins.load("models", "vipllava")()
    assert family.vision_flops(config.to_dict(), (1, 4, 4)) == counter.get_total_flops()
    assert family.tile_tokens(config.to_dict()) == 16
    ids = torch.tensor([[1, *[49] * 16, 5, 6]])
    with prunegrid.prune(model, "single", "attention", ratio=0.25) as pruning, torch.no_grad():
        model.generate(input_ids=ids, pixel_values=pixels, max_new_tokens=2)
    assert pruning.schedule == [[(2, 8)]]
