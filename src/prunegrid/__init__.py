"""Does dropping image tokens help? Prune vision-language models of transformers, and read a study's results.

Everything public is here; all else may change. Importing this package takes no torch: a name's module is
imported on first use.

Prune
-----
prune
    Context in which a transformers model drops image tokens in every prefill.
Pruning
    What that context yields: the schedule and the kept tokens of the last prefill.
check
    Proof that a model is pruned rightly on its own device, in its dtype: a table with pass or fail.
picture
    An image in which the patches of dropped tokens are dimmed.
draw_kept
    The same of any picture and kept tokens, tiles included.
supported_models
    The `model_type`s that can be pruned.
expected_compute
    FLOPs and schedule of a setting, from a `config.json` alone.

Results
-------
load
    Results of a study as pandas frames: `cells` with one row per cell, `samples(...)` with one per sample.

Plug-ins: one class a file, derived from one of these
-----------------------------------------------------
Strategy
    At which decoder layers image tokens are dropped, and how many.
Schedule
    What a strategy returns: layers and the shares of image tokens that stay before them. `Cuts` is the type
    of those pairs.
Criterion
    A score per image token: high stays.
Stage
    What a criterion may look at: hidden states, attention and gradients just before a layer.
Family
    Where a model family keeps what pruning needs.
Adapter
    Turns the rows of a data set into samples.
Sample, Task, Row
    One sample; how a benchmark asks and which answers it takes; one row of a data set.
Scorer
    Scores the predictions of a benchmark.
Method
    A published method as a whole: which strategy and criterion it is, with which options.

Beside these, plug-ins may use the modules `prunegrid.statistics.sums` (metrics of a scorer) and
`prunegrid.pruning.patch_grid` (grids of a family), and derive from the classes in the folders of plug-ins.

Errors
------
errors
    The exceptions; all derive from `errors.PrunegridError`.

`__version__` is the version of the installed package, or of the source tree that this is imported from.
"""

from typing import TYPE_CHECKING, Any

from prunegrid import errors

if TYPE_CHECKING:
    from prunegrid.checks.check import check
    from prunegrid.cost.expected import expected_compute
    from prunegrid.data.adapter import Adapter, Sample, Task
    from prunegrid.data.rows import Row
    from prunegrid.gallery.draw_kept import draw_kept
    from prunegrid.pruning.context import Pruning, prune
    from prunegrid.pruning.criterion import Criterion
    from prunegrid.pruning.families import supported_models
    from prunegrid.pruning.family import Family
    from prunegrid.pruning.picture import picture
    from prunegrid.pruning.schedule import Cuts, Schedule
    from prunegrid.pruning.stage import Stage
    from prunegrid.pruning.strategy import Strategy
    from prunegrid.results.load import load
    from prunegrid.scoring.scorer import Scorer
    from prunegrid.study.method import Method

    __version__: str

# Public name -> the module that defines it. Read by `source.imports`, too: a literal.
_EXPORTS = {
    "Adapter": "prunegrid.data.adapter",
    "Criterion": "prunegrid.pruning.criterion",
    "Cuts": "prunegrid.pruning.schedule",
    "Family": "prunegrid.pruning.family",
    "Method": "prunegrid.study.method",
    "Pruning": "prunegrid.pruning.context",
    "Row": "prunegrid.data.rows",
    "Sample": "prunegrid.data.adapter",
    "Schedule": "prunegrid.pruning.schedule",
    "Scorer": "prunegrid.scoring.scorer",
    "Stage": "prunegrid.pruning.stage",
    "Strategy": "prunegrid.pruning.strategy",
    "Task": "prunegrid.data.adapter",
    "check": "prunegrid.checks.check",
    "draw_kept": "prunegrid.gallery.draw_kept",
    "expected_compute": "prunegrid.cost.expected",
    "load": "prunegrid.results.load",
    "picture": "prunegrid.pruning.picture",
    "prune": "prunegrid.pruning.context",
    "supported_models": "prunegrid.pruning.families",
}

__all__ = [
    "Adapter",
    "Criterion",
    "Cuts",
    "Family",
    "Method",
    "Pruning",
    "Row",
    "Sample",
    "Schedule",
    "Scorer",
    "Stage",
    "Strategy",
    "Task",
    "__version__",
    "check",
    "draw_kept",
    "errors",
    "expected_compute",
    "load",
    "picture",
    "prune",
    "supported_models",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        from importlib import import_module

        value = getattr(import_module(_EXPORTS[name]), name)
    elif name == "__version__":
        value = _version()
    else:
        raise AttributeError(f"module 'prunegrid' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Return the version that the installed package's metadata, or else the source tree, states."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("prunegrid")
    except PackageNotFoundError:
        import tomllib
        from pathlib import Path

        project = Path(__file__).parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
