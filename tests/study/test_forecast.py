"""What a study will take: the arithmetic of docs/forecast.md, by hand and by plain loops."""

import json
from pathlib import Path

import pytest

from prunegrid.cost.batch_memory import LARGEST, batch_bytes, fitting_batch
from prunegrid.cost.cards import CARDS
from prunegrid.cost.decoder import Decoder
from prunegrid.cost.model_config import complete_config
from prunegrid.cost.throughput import Throughput
from prunegrid.errors import ConfigError
from prunegrid.results.sealed import sealed_path
from prunegrid.study.compute_plan import compute_plan
from prunegrid.study.config import validate
from prunegrid.study.forecast import PARTS, as_text, forecast
from prunegrid.study.plan import Plan
from tests.study.plans import HOME, SCHEMA, configuration

LLAVA = HOME / "tests/fixtures/hub_configs/llava-1.5-7b-hf.json"
QWEN = HOME / "tests/fixtures/hub_configs/qwen2-vl-2b.json"
PACE = {
    "device": {"name": "a machine"},
    "prefill_flops_per_second": 1e9,
    "decode_seconds_per_step": 0.25,
    "read_seconds_per_sample": 0.5,
    "encode_seconds_per_picture": 2.0,
    "load_seconds": 30.0,
}

FREE = (1, 9, 17, 33, 63, 66, 900)  # GB


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with LLaVA-1.5 7B's configuration, and no data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llava").mkdir()
    (tmp_path / "llava/config.json").write_text(json.dumps(complete_config(LLAVA)))
    return tmp_path


def planned(pace: dict | None = None, **changes) -> Plan:
    if pace is not None:
        Path("results/m").mkdir(parents=True, exist_ok=True)
        with sealed_path("results/m/check.json") as file:
            file.write_text(json.dumps({"passed": True, "steps": [], "pace": pace}))
    config = {
        "model_specs": {"m": {"path": "llava", "dtype": "float16", "batch_size": 8}},
        "benchmark_specs": {"b": {"adapter": "pope", "path": "away.parquet", "limit": 100}},
        "strategies": ["uniform"],
        "criteria": ["norm"],
        "ratios": [0.5],
        "bundle_size": 50,
        **changes,
    }
    return Plan(validate(configuration(**config), SCHEMA), HOME)


def hours(plan: Plan) -> dict[str, float]:
    (row,) = forecast(plan, compute_plan(plan)).to_dict("records")
    assert row["hours"] == pytest.approx(sum(row[part] for part in PARTS))
    return row


def test_two_cells_by_hand(home: Path) -> None:
    plan = planned(PACE)
    row = hours(plan)
    ledger = compute_plan(plan)
    assert list(ledger["strategy"]) == ["none", "uniform"]
    products = ledger[["tflops_prefill", "tflops_scoring"]].to_numpy().sum() * 1e12
    # 13 passes of up to 8 samples; POPE's answers take one step.
    wanted = {
        "load": 30,
        "read": 100 * 0.5,
        "encode": 100 * 2.0,
        "prefill": 100 * products / 1e9 + 13 * 2 * 0.25,
        "gradient": 0,
        "decode": 13 * 2 * 0.25,
    }
    assert {part: row[part] * 3600 for part in PARTS} == pytest.approx(wanted)
    assert (row["device"], row["measured"], row["samples"], row["cells"], row["jobs"]) == (
        "a machine",
        True,
        100,
        2,
        1,
    )


def test_layers_that_cells_share_are_run_once(home: Path) -> None:
    """Before their first cut `hierarchical` cells of one model are the same, whatever ranks."""
    changes = {
        "strategies": ["hierarchical"],
        "criteria": ["norm", "attention"],
        "strategy_specs": {"hierarchical": {"options": {"layers": [8, 16]}}},
    }
    row = hours(planned(PACE, **changes))
    plan = planned(PACE, **changes)
    ledger = compute_plan(plan)
    decoder = Decoder.from_config(complete_config(LLAVA))
    tokens = 576 + 5 + 60
    alone = ledger[["tflops_prefill", "tflops_scoring"]].to_numpy().sum() * 1e12
    shared = 8 * decoder.layer(tokens, tokens)
    passes = 13 * (1 + 1 + 24 / 32) * 0.25
    assert row["prefill"] * 3600 == pytest.approx(100 * (alone - shared) / 1e9 + passes)


def test_smaller_pictures_are_fewer_tokens_and_encoded_for_themselves(home: Path) -> None:
    (home / "qwen").mkdir()
    (home / "qwen/config.json").write_text(json.dumps(complete_config(QWEN)))
    spec = {"m": {"path": "qwen", "dtype": "float16", "batch_size": 8, "image_tokens": 1000}}
    plan = planned(PACE, model_specs=spec, strategies=["downsample"], ratios=[0.75])
    ledger, row = compute_plan(plan), hours(plan)
    assert list(ledger["image_tokens"]) == [1000, 250]
    products = ledger["tflops_prefill"].to_numpy().sum() * 1e12
    assert row["prefill"] * 3600 == pytest.approx(100 * products / 1e9 + 13 * 2 * 0.25)
    assert row["encode"] * 3600 == pytest.approx(100 * 2.0 * 1.25)


def test_a_gradient_is_taken_once_for_all_cells(home: Path) -> None:
    one = hours(planned(PACE, criteria=["gradient"]))
    two = hours(planned(PACE, criteria=["gradient"], ratios=[0.5, 0.7]))
    assert one["gradient"] == two["gradient"] > 0
    (scoring,) = {
        round(cost) for cost in compute_plan(planned(PACE, criteria=["gradient"]))["tflops_scoring"] if cost
    }
    assert one["gradient"] * 3600 * 1e9 / 100 == pytest.approx(scoring * 1e12, rel=0.05)


def test_a_card_is_bound_by_launches_or_by_its_memory() -> None:
    decoder = Decoder.from_config(complete_config(LLAVA))
    assert decoder.parameters == pytest.approx(6.74e9, rel=0.001)
    # 32 layers x 640 tokens x 2 x 32 heads x 128 x 2 bytes.
    assert decoder.cache_bytes(640, 2) == 32 * 640 * 2 * 32 * 128 * 2 == 335_544_320

    def pace(card: str, batch: int) -> Throughput:
        return Throughput.of_card(
            CARDS[card], decoder, batch=batch, tokens=640, number_bytes=2, vision_flops=0.38e12
        )

    assert pace("h100", 8).step_seconds == pytest.approx(32 * 0.3e-3)
    assert pace("h100", 64).step_seconds == pytest.approx((13.5e9 + 64 * 335.5e6) / 3350e9, rel=0.01)
    assert pace("a10", 8).step_seconds == pytest.approx((13.5e9 + 8 * 335.5e6) / 600e9, rel=0.01)
    assert pace("h100", 8).flops_per_second == pytest.approx(445e12, rel=0.001)


def test_the_batch_that_fits() -> None:
    decoder = Decoder.from_config(complete_config(LLAVA))
    one = batch_bytes(decoder, 1, 640, 2, gradients=False)
    cache, layer, logits = 2 * 335_544_320, 640 * (4 * 4096 + 3 * 11008) * 2, 32064 * 6
    assert one == cache + layer + logits
    assert batch_bytes(decoder, 8, 640, 2, gradients=False) == 8 * one
    assert batch_bytes(decoder, 1, 640, 2, gradients=True) - one == 32 * 640 * 4096 * 2
    found = [fitting_batch(decoder, free * 1e9, 640, 2, gradients=True) for free in FREE]
    assert found == [1, 8, 16, 32, 32, 64, LARGEST]
    assert all(
        batch == 1 or batch_bytes(decoder, batch, 640, 2, gradients=True) <= 0.9 * free * 1e9
        for batch, free in zip(found, FREE, strict=True)
    )


def test_what_is_assumed_where_nothing_was_measured(home: Path) -> None:
    plan = planned()
    row = hours(plan)
    assert (row["device"], row["measured"]) == ("NVIDIA H100 SXM", False)
    assert "1 NVIDIA" not in as_text(forecast(plan, compute_plan(plan)))
    slower = hours(planned(compute_plan={"device": "a10"}))
    assert slower["prefill"] > 5 * row["prefill"]
    with pytest.raises(ConfigError, match=r"'measured', but there is no results/m/check\.json"):
        hours(planned(compute_plan={"device": "measured"}))


def test_samples_that_nobody_knows_are_asked_for(home: Path) -> None:
    published = hours(planned(benchmark_specs={"b": {"adapter": "pope"}}))
    assert published["samples"] == 9000
    with pytest.raises(
        ConfigError, match=r"benchmark_specs\.b: how many samples it has is not known yet: .*away"
    ):
        hours(planned(benchmark_specs={"b": {"adapter": "vqa", "path": "away.parquet"}}))


def test_a_batch_left_to_the_memory(home: Path) -> None:
    """An H100 has 66.5 GB beside the weights; an A10 10.5 GB."""
    specs = {"m": {"path": "llava", "dtype": "float16", "batch_size": "auto"}}
    assert hours(planned(model_specs=specs))["batch_size"] == 64
    assert hours(planned(model_specs=specs, compute_plan={"device": "a10"}))["batch_size"] == 8
    assert hours(planned({**PACE, "batch_size": 4}, model_specs=specs))["batch_size"] == 4
