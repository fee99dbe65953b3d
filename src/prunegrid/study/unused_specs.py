"""Specifications of a user's own that nothing uses: a misspelt name would change nothing, without a word."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from prunegrid import plugins
from prunegrid.errors import ConfigError

# Key of the specifications -> key of the names that use them, and the plug-ins that such a name may be.
_USED_BY = {
    "model_specs": ("models", None),
    "benchmark_specs": ("benchmarks", "benchmarks"),
    "strategy_specs": ("strategies", "strategies"),
    "criterion_specs": ("criteria", "criteria"),
    "method_specs": ("methods", "methods"),
}
# As similar as two names must be for one to be the other, misspelt: `dmeo` and `demo` are 0.75.
_MISSPELT = 0.75


def check_unused(
    config: Mapping[str, Any], files: Iterable[str | Path], given: Mapping[str, Any], home: Path
) -> list[str]:
    """Refuse specifications whose name is a used one's, misspelt; return the others that nothing uses.

    A file may specify more than one study uses, as `config/models.yaml` does. So a name is only taken for
    misspelt where no file of the repository and no plug-in has it, and where the name that it resembles
    is used but not specified by the user.

    Parameters
    ----------
    config : mapping
        The whole configuration, validated.
    files : iterable of path
        Of `--configfile`; those of the repository count as its own.
    given : mapping
        The values of `--config`.
    home : Path
        The repository.

    Returns
    -------
    list of str
        `model_specs.name` of each that is the user's own, and used nowhere.

    Raises
    ------
    ConfigError
        Naming each, and what was probably meant.
    """
    shipped = {file.resolve() for file in [home / "config.yaml", *(home / "config").glob("*.yaml")]}
    theirs = [_read(file) for file in sorted(shipped)]
    own = [*(_read(Path(file)) for file in files if Path(file).resolve() not in shipped), given]
    faults, unused = [], []
    for specs, (axis, kind) in _USED_BY.items():
        named = _names(own, specs)
        known = {*_names(theirs, specs), *(plugins.names(kind) if kind else ())}
        open_names = [name for name in config[axis] if name not in named]
        for name in named:
            if name in config[axis] or name in known:
                continue
            close = difflib.get_close_matches(name, open_names, n=1, cutoff=_MISSPELT)
            if close:
                faults.append(
                    f"{specs}: {name!r} is used nowhere: did you mean {close[0]!r}? "
                    f"`{axis}` names {', '.join(config[axis])}"
                )
            else:
                unused.append(f"{specs}.{name}")
    if faults:
        raise ConfigError("\n".join(faults))
    return unused


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        # Snakemake has read it, and knows other forms.
        return {}
    return found if isinstance(found, Mapping) else {}


def _names(configs: Iterable[Mapping[str, Any]], specs: str) -> list[str]:
    found = [config[specs] for config in configs if isinstance(config.get(specs), Mapping)]
    return [*dict.fromkeys(name for one in found for name in one)]
