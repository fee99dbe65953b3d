"""Which of a task's metrics stands in the tables."""

from dataclasses import dataclass

from prunegrid.lmms_tasks.task import LmmsTask


@dataclass(frozen=True)
class Headline:
    """A headline metric.

    Attributes
    ----------
    kind : str
        `accuracy` for a share of samples between 0 and 1, else a name of its own.
    metric : str
        The task's own name of it.
    parts : tuple of str
        The task's metrics that it is the sum of.
    """

    kind: str
    metric: str
    parts: tuple[str, ...]


# MME's is the sum of its two; groups and categories are no shares of samples.
_OTHERS = {
    "mme": Headline("mme", "perception_and_cognition", ("mme_perception_score", "mme_cognition_score")),
}
_KINDS = {"mmbench": "accuracy_of_groups", "mmstar": "accuracy_of_categories"}
# Where the first that a task's file lists is not the one that papers print.
_PRINTED = ("refcoco_ACC@0.5", "seed_image", "seedbench_2_plus_all", "average")


def headline_of(task: LmmsTask) -> Headline:
    """Return a task's headline: the one that papers print, else the first that its file lists."""
    if task.name in _OTHERS:
        return _OTHERS[task.name]
    names = [str(one["metric"]) for one in task.metrics]
    metric = next((name for name in _PRINTED if name in names), names[0])
    kind = next((kind for start, kind in _KINDS.items() if task.name.startswith(start)), "accuracy")
    return Headline(kind, metric, (metric,))
