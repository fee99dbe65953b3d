"""config/horizon.yaml: image tokens leave, or are cut to an eighth, before every layer of the demo."""

from fractions import Fraction

import pytest
import yaml

from prunegrid.study.config import validate
from prunegrid.study.grid import expand, schedule_of
from tests.docs.pages import blocks, section
from tests.study.plans import HOME, SCHEMA, merged

OVERLAY = HOME / "config/horizon.yaml"
KEPT = Fraction(1, 8)


def sweep(n_layers, image_tokens, file=OVERLAY):
    """Return strategy type -> the first cut of each of its cells, as (layer, share of image tokens)."""
    config = merged(file)
    config["model_specs"]["demo"]["image_tokens"] = image_tokens
    config = validate(config, SCHEMA)
    grid = expand(config, {"demo": n_layers})
    assert not grid.unreachable
    found = {"exit": set(), "single": set()}
    for cell in grid.cells:
        if cell.strategy != "none":
            schedule = schedule_of(config, n_layers, cell, cell.ratio)
            ((layer, share),) = schedule.cuts
            found[cell.strategy.partition("-")[0]].add((layer, share))
    return found


def test_it_goes_on_top_of_any_study():
    overlay = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))
    assert not {"models", "model_specs", "benchmarks", "benchmark_specs"} & set(overlay)


@pytest.mark.parametrize(("n_layers", "image_tokens"), [(8, 64), (32, 576), (40, 576)])
def test_an_eighth_of_the_depths_is_swept_and_an_eighth_of_the_tokens_kept(n_layers, image_tokens):
    found = sweep(n_layers, image_tokens)
    depths = [number * n_layers // 8 for number in range(1, 8)]
    assert found["exit"] == {(layer, 0.0) for layer in depths}
    assert sorted(layer for layer, _ in found["single"]) == depths
    # A ratio of three decimals fixes the tokens to within half a one.
    for layer, share in found["single"]:
        slack = Fraction(5, 10_000) * n_layers / (n_layers - layer) * image_tokens
        assert abs(share * image_tokens - KEPT * image_tokens) <= max(1, slack), layer


def test_the_program_of_the_page_sweeps_every_layer(tmp_path, capsys):
    (program,) = blocks(section("horizon.md", "Every layer"), "python")
    exec(program.replace("LAYERS = 32", "LAYERS = 12"), {})
    file = tmp_path / "all-layers.yaml"
    file.write_text(capsys.readouterr().out)
    config = merged(OVERLAY, file)
    grid = expand(validate(config, SCHEMA), {"demo": 12})
    layers = {name: set() for name in ("exit", "single")}
    for cell in grid.cells:
        if cell.strategy != "none":
            ((layer, _),) = schedule_of(config, 12, cell, cell.ratio).cuts
            layers[cell.strategy.partition("-")[0]].add(layer)
    assert layers == {"exit": set(range(1, 12)), "single": set(range(1, 12))}
