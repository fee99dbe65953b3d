"""Complete a hub's `config.json` with the defaults of transformers, imported (with torch) when called."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.errors import ConfigError, PrunegridError
from prunegrid.files import expanded
from prunegrid.pruning.families import family_of


def complete_config(config: Mapping[str, Any] | str | Path) -> dict[str, Any]:
    """Return a configuration as `model.config.to_dict()` gives it, without a model.

    Parameters
    ----------
    config : mapping or path
        The content of a `config.json`, its file or its folder. LLaVA-1.5-7B's tells of its decoder
        little more than that it is a Llama.

    Returns
    -------
    dict
        Shared between calls: not to be changed.

    Raises
    ------
    ConfigError
        If it cannot be read.
    PruningError
        If its family is not supported.
    """
    where = "the configuration"
    if not isinstance(config, Mapping):
        path = expanded(config)
        file = path / "config.json" if path.is_dir() else path
        where, config = str(file), _read(file)
    try:
        return _completed(json.dumps(config, sort_keys=True))
    except (PrunegridError, TypeError) as error:
        kind = type(error) if isinstance(error, PrunegridError) else ConfigError
        raise kind(f"{where}: {error}") from error


@cache
def _completed(text: str) -> dict[str, Any]:
    try:
        from huggingface_hub.errors import StrictDataclassError
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed here, but its defaults complete it: pip install transformers"
        ) from error

    config = json.loads(text)
    kind = config.get("model_type")
    family_of(kind)  # Refuses one that is not supported.
    try:
        completed: dict[str, Any] = CONFIG_MAPPING[kind].from_dict(config).to_dict()
    except (StrictDataclassError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"not a configuration of {kind}: {error}") from error
    return completed


def _read(file: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read as a config.json: {error}") from error
    return config
