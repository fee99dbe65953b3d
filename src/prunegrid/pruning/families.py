"""Find the family of a model by its `model_type`, the name of the family's file. Imports no torch."""

from functools import cache

from prunegrid import plugins
from prunegrid.errors import PruningError
from prunegrid.nearest import nearest
from prunegrid.plugin_folders import PluginFolder, plugin_folders
from prunegrid.pruning.family import Family


def supported_models() -> list[str]:
    """Return the `model_type`s that can be pruned, sorted."""
    return plugins.names("models")


def family_of(model_type: str) -> Family:
    """Return the family of a `model_type`.

    Raises
    ------
    PruningError
        If it is not supported, with those that are, or its file does not define all of a family.
    """
    return _family(model_type, *plugin_folders())


# The ledger asks for each row of a cell.
@cache
def _family(model_type: str, *folders: PluginFolder) -> Family:
    if model_type not in supported_models():
        hint = nearest(model_type, supported_models())
        raise PruningError(f"model type {model_type!r} is not supported: {hint}")
    try:
        family: Family = plugins.load("models", model_type)()
    except TypeError as error:
        raise PruningError(f"{plugins.path('models', model_type)}: {error}") from error
    return family
