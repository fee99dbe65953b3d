"""The share of a grid's prefill that its jobs need not run, as other cells of a group have; without a model.

Cells are divided as they were up to now, in bundles by criterion and groups of 8, and as they are; beside it
stands what all cells of a benchmark in one group would save. Gradients are no part of it: how many bundles
take them is printed, as each does so once for all of its cells.
`python perf/sharing.py --config config/himap-ablation.yaml --model llava-1.5-7b`
"""

import argparse
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import yaml
from study import HOME, SCHEMA

from prunegrid.cost.decoder import Decoder
from prunegrid.predict.batches import MOST_ROWS
from prunegrid.pruning.sharing_order import sharing_order
from prunegrid.study.bundles import bundle_cells
from prunegrid.study.config import validate
from prunegrid.study.grid import Cell, needs_answer, schedule_of
from prunegrid.study.plan import Plan
from prunegrid.study.shared_layers import decisions

# LLaVA-1.5 7B's: the share depends little on the shape.
DECODER = Decoder(32, 4096, 11008, 32, 32, 128, 32064)
IMAGE_TOKENS, TEXT_TOKENS = 576, 100
# Cells of a group, up to now.
TOGETHER = 8


class Saving:
    """What groups of a model's cells save.

    Parameters
    ----------
    plan : Plan
        The study.
    model : str
        The model.
    """

    def __init__(self, plan: Plan, model: str) -> None:
        self._plan, self._layers = plan, plan.inputs.layers(model)
        self.run = self.apart = 0

    def _decisions(self, cell: Cell) -> list:
        return decisions(self._plan.config, self._layers, cell, self._plan.share_ratio(cell))

    def _flops(self, cell: Cell) -> list[int]:
        """Return the FLOPs of a cell's layers up to each one, from none of them to all."""
        schedule = schedule_of(self._plan.config, self._layers, cell, self._plan.share_ratio(cell))
        tokens = [TEXT_TOKENS + image for image in schedule.tokens_per_layer(IMAGE_TOKENS)]
        return [0, *accumulate(DECODER.layer(n, n) for n in tokens)]

    def add(self, cells: Sequence[Cell], most: int) -> None:
        """Add a bundle, its cells in sharing order and groups of so many at most, or so many rows."""
        own: dict[str, list[Cell]] = {}
        for cell in cells:
            own.setdefault(cell.benchmark, []).append(cell)
        for some in own.values():
            places = [place for prefill in self._order(some) for place in prefill.cells]
            n_groups = -(-len(places) // most)
            size = most if most == TOGETHER else -(-len(places) // n_groups)
            for start in range(0, len(places), size):
                self._add_group([some[place] for place in places[start : start + size]])

    def _order(self, cells: Sequence[Cell]) -> list:
        return sharing_order([self._decisions(cell) for cell in cells])

    def _add_group(self, cells: Sequence[Cell]) -> None:
        for prefill in self._order(cells):
            flops = self._flops(cells[prefill.cells[0]])
            # Cells without a cut are each run by themselves.
            times = 1 if any(self._decisions(cells[prefill.cells[0]])) else len(prefill.cells)
            self.apart += flops[-1] * len(prefill.cells)
            self.run += (flops[-1] - (flops[prefill.shared_before] if times == 1 else 0)) * times

    def __str__(self) -> str:
        return f"{100 * (1 - self.run / self.apart):5.1f} % of the prefill's FLOPs saved"


def by_criterion(plan: Plan, cells: Sequence[Cell]) -> list[Cell]:
    """Return cells in the order in which bundles were cut up to now."""
    order = {name: place for place, name in enumerate(["none", *plan.config["criteria"]])}
    return sorted(cells, key=lambda cell: order[cell.criterion])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=HOME / "config/himap-ablation.yaml")
    parser.add_argument("--model", default="llava-1.5-7b")
    arguments = parser.parse_args()
    overlays = (HOME / "config/models.yaml", arguments.config)
    config: dict = {}
    for file in overlays:
        for key, value in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            both = isinstance(value, dict) and isinstance(config.get(key), dict)
            config[key] = {**config[key], **value} if both else value
    specs = yaml.safe_load(overlays[0].read_text(encoding="utf-8"))["model_specs"]
    for name, spec in config["model_specs"].items():
        config["model_specs"][name] = {**specs.get(name, {}), **spec}
    plan = Plan(validate(config, SCHEMA), HOME)
    new = plan.bundles(arguments.model)
    cells = [cell for bundle in new.values() for cell in bundle]
    old = bundle_cells(by_criterion(plan, cells), plan.config["bundle_size"], lambda _: 1)
    shard = plan.config["shard_size"]
    whole = {name: [c for c in cells if c.benchmark == name] for name in plan.config["benchmarks"]}
    print(
        f"{arguments.model}: {len(cells)} cells of {len(whole)} benchmarks, bundle_size "
        f"{plan.config['bundle_size']}"
    )
    for name, bundles, most in (
        (f"bundles by criterion, groups of {TOGETHER}", old, TOGETHER),
        ("bundles by criterion, whole groups", old, MOST_ROWS // shard),
        (f"bundles in sharing order, groups of {TOGETHER}", new, TOGETHER),
        ("bundles in sharing order, whole groups", new, MOST_ROWS // shard),
        ("all cells of a benchmark in one group", whole, len(cells)),
    ):
        saving = Saving(plan, arguments.model)
        for bundle in bundles.values():
            saving.add(bundle, most)
        gradients = sum(any(needs_answer(plan.config, c.criterion) for c in one) for one in bundles.values())
        print(f"  {name:42}{saving}; {len(bundles)} jobs, {gradients} of them with gradients")


if __name__ == "__main__":
    main()
