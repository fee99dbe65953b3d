"""How many kept tokens differ from float32 in lower precision, on the published HiMAP inputs.

`PYTHONPATH=src:. python perf/precision.py`. Scores are computed in float32 in any case; what differs
is what the layers below made of the hidden states.
"""

import copy

import torch

from tests.pruning.golden import DATA, golden_model, golden_of, inputs, published

STAGES = 2


def kept_tokens(model: torch.nn.Module, batch: dict) -> list[list[set[int]]]:
    """Return per row and stage the original numbers of the kept tokens."""
    with published(model) as pruning, torch.no_grad():
        model(**batch)
    return [[set(numbers) for _, numbers in row] for row in pruning.kept]


def main() -> None:
    """Print the table."""
    folder, rows = max(DATA.items(), key=lambda item: item[1])
    model, batch = golden_model(), inputs(golden_of(folder), slice(0, rows))
    features = batch.pop("mm_encoder_outputs")["image"].pooler_output
    wanted = None
    print(f"{rows} inputs of {folder}")
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        cast = copy.deepcopy(model).to(dtype)
        image = type("Features", (), {"pooler_output": [part.to(dtype) for part in features]})()
        found = kept_tokens(cast, {**batch, "mm_encoder_outputs": {"image": image}})
        wanted = wanted or found
        for stage in range(STAGES):
            size = sum(len(row[stage]) for row in wanted)
            lost = sum(len(row[stage] - other[stage]) for row, other in zip(wanted, found, strict=True))
            name = str(dtype).removeprefix("torch.")
            print(f"{name:9} stage {stage + 1}: {lost:3} of {size} kept tokens differ, {lost / size:.1%}")


if __name__ == "__main__":
    main()
