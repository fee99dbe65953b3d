"""Find the family of a model by its `model_type`."""

import importlib
import inspect

from prunegrid.errors import PruningError
from prunegrid.plugins import PACKAGE
from prunegrid.pruning.family import Family


def supported_models() -> list[str]:
    """Return the `model_type`s that can be pruned, sorted."""
    files = (PACKAGE / "models").glob("*.py")
    return sorted(f.stem for f in files if not f.stem.startswith("_"))


def family_of(model_type: str) -> Family:
    """Return the family of a `model_type`.

    Raises
    ------
    PruningError
        If it is not supported, with the list of those that are.
    """
    if model_type not in supported_models():
        raise PruningError(f"model type {model_type!r} is not supported: {', '.join(supported_models())}")
    module = importlib.import_module(f"prunegrid.models.{model_type}")
    own = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
    return next(c for c in own if issubclass(c, Family))()
