"""Where a prediction job's time goes, phase by phase.

`python perf/phases.py TASK.json` runs one bundle as the rule `predict` does, with a stopwatch around
what it calls, and prints phase -> seconds as JSON. Phases exclude each other: what a call spends in another
phase is that one's.
"""

import functools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


class Stopwatch:
    """Seconds per phase; the innermost phase counts."""

    def __init__(self) -> None:
        self.seconds = Counter[str]()
        self._running: list[str] = []
        self._since = time.perf_counter()

    def _turn(self) -> None:
        now = time.perf_counter()
        self.seconds[self._running[-1] if self._running else "rest"] += now - self._since
        self._since = now

    def enter(self, phase: str) -> None:
        """Begin a phase; within `gradients` there is no other."""
        self._turn()
        self._running.append("gradients" if "gradients" in self._running else phase)

    def leave(self) -> None:
        """End it."""
        self._turn()
        self._running.pop()

    def wrap(
        self,
        owner: Any,
        name: str,
        phase: str | Callable[..., str],
        collect: Callable[[Any], Any] | None = None,
    ) -> None:
        """Let calls of `owner.name` count for a phase; `collect` makes a generator do its work at once."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.enter(phase if isinstance(phase, str) else phase(*args, **kwargs))
            try:
                found = original(*args, **kwargs)
                return found if collect is None else collect(found)
            finally:
                self.leave()

        setattr(owner, name, timed)


def forward_phase(model: Any, *args: Any, **kwargs: Any) -> str:
    """Tell a prefill from a step of decoding."""
    return "prefill" if kwargs["input_ids"].shape[1] > 1 else "decoding"


def main(task: dict) -> None:
    """Run the bundle and print its phases."""
    watch = Stopwatch()
    watch.enter("imports")
    import torch
    from transformers import GenerationMixin, LlavaForConditionalGeneration

    from prunegrid.data.adapter import Adapter
    from prunegrid.jobs.predict import predict
    from prunegrid.models.llava import Llava
    from prunegrid.predict import batches, generation, predict_cells
    from prunegrid.predict.prompts import PromptMaker
    from prunegrid.pruning import cutting, gradient_scores
    from prunegrid.results.shards import CellShards
    from prunegrid.study.plan import Plan

    watch.leave()
    watch.seconds["imports"] += watch._since - STARTED - sum(watch.seconds.values())
    torch.set_num_threads(1)
    watch.wrap(predict_cells, "load_model", "model loading")
    watch.wrap(Adapter, "samples", "reading and decoding images", list)
    watch.wrap(PromptMaker, "prompts", "preprocessing and tokenising")
    watch.wrap(Llava, "features", "vision tower")
    watch.wrap(batches, "collate", "batching")
    watch.wrap(GenerationMixin, "generate", "generate's own")
    watch.wrap(LlavaForConditionalGeneration, "forward", forward_phase)
    watch.wrap(cutting, "select", "scoring")
    watch.wrap(gradient_scores, "unpruned_saliency", "gradients")
    watch.wrap(generation.Answers, "rows", "rows and hooks")
    watch.wrap(CellShards, "write", "writing")
    watch.wrap(CellShards, "join", "writing")
    watch.wrap(predict_cells, "predict_cells", "bundle's own")
    watch.enter("planning and keys")
    plan = Plan(task["config"], Path(task["home"]))
    model, bundle_name = task["bundle"]
    keys = [plan.keys.prediction_key(cell) for cell in plan.bundles(model)[bundle_name]]
    predict(task["config"], Path(task["home"]), tuple(task["bundle"]), "", keys, threads=1)
    watch.leave()
    print(json.dumps(watch.seconds))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
