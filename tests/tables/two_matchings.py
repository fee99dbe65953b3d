"""Made-up cells of a study with `match: [share, tflops_total]`."""

from dataclasses import replace

import numpy as np

from prunegrid.axis_names import SHARE, TOTAL
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

N = 120
BOTH = TableOptions(replicates=400, match=[SHARE, TOTAL])
ALONE = {match: TableOptions(replicates=400, match=match) for match in (SHARE, TOTAL)}
WORDS = {SHARE: "equal share of tokens", TOTAL: "equal total compute"}
REASON = "ratio 0.500 at equal total compute is out of reach: scoring alone takes 3.00 times"
UNREACHABLE = [
    {"strategy": "single", "criterion": "gradient", "ratio": 0.5, "match": TOTAL, "reason": REASON}
]
# Strategy and criterion -> share achieved where shares, and where totals, are equal, and total compute.
ROWS = {
    ("hierarchical", "attention"): {SHARE: (0.5, 2.0), TOTAL: (0.5, 2.0)},
    ("hierarchical", "norm"): {SHARE: (0.5, 1.9), TOTAL: (0.45, 2.0)},
    ("single", "attention"): {SHARE: (0.5, 2.1), TOTAL: (0.55, 2.0)},
    ("single", "norm"): {SHARE: (0.5, 1.95), TOTAL: (0.47, 2.03)},
    ("single", "gradient"): {SHARE: (0.5, 6.0)},
    ("exit", "none"): {SHARE: (0.52, 2.0), TOTAL: (0.52, 2.0)},
}


def told(strategy: str, criterion: str, achieved: float):
    if strategy == "exit":
        return {"schedule": [[3, 0.0]], "scored_by": []}
    about = {
        "schedule": [[2, 1 - achieved]],
        "scored_by": [[2, criterion, None]],
        "criterion": [criterion, {}],
    }
    return (
        {**about, "strategy": [strategy, {}]}
        if strategy == "hierarchical"
        else {**about, "schedule": [[3, 1 - achieved]]}
    )


def answers(strategy: str, criterion: str, achieved: float) -> list[float]:
    world = np.random.default_rng(4)
    hard = world.random(N)
    luck = np.random.default_rng([len(strategy), len(criterion), round(1000 * achieved)]).random(N)
    return (0.6 * hard + 0.4 * luck < 0.9 - 0.3 * achieved - 0.02 * len(criterion)).astype(float).tolist()


def cells() -> list:
    made = [cell("none", [1.0] * N, compute={"tflops_total": 4.0, "tflops_published": 1.0})]
    for (strategy, criterion), matched in ROWS.items():
        for match, (achieved, total) in matched.items():
            about = told(strategy, criterion, achieved)
            compute = {"tflops_published": 1.0, "tflops_total": total, "ratio_achieved": achieved}
            scores = answers(strategy, criterion, achieved)
            one = cell(
                strategy,
                scores,
                criterion=criterion,
                compute=compute,
                match=match,
                metadata=lambda about=about: about,
            )
            made.append(replace(one, needs_answer=criterion == "gradient"))
    return made
