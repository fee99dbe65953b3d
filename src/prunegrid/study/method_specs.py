"""Methods by name: each becomes a strategy and a criterion of its own name. Imports no torch."""

from collections.abc import Iterator, Mapping
from typing import Any

from prunegrid import plugins
from prunegrid.axis_names import NO_CRITERION, REVERSED
from prunegrid.errors import ConfigError
from prunegrid.nearest import nearest
from prunegrid.study.plugin_checks import code_faults


def add_methods(config: dict[str, Any]) -> None:
    """Add what the configuration's methods stand for to `strategy_specs` and `criterion_specs`.

    Parameters
    ----------
    config : dict
        Of the schema's types, with its defaults.

    Raises
    ------
    ConfigError
        If a method is unknown, its declaration is faulty, or its name is that of something else.
    """
    faults = [fault for name in config["methods"] for fault in _faults(config, name)]
    known = plugins.names("methods")
    faults += [
        f"method_specs: {name!r} is used nowhere: {nearest(name, [*config['methods'], *known])}"
        for name, spec in config["method_specs"].items()
        if name not in config["methods"] and name not in known and "type" not in spec
    ]
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))
    for name in config["methods"]:
        for specs, added in _specs(config, name).items():
            for own, spec in added.items():
                if config[specs].setdefault(own, spec) != spec:
                    faults.append(
                        f"{specs}: {own!r} is part of a method: give its options in "
                        f"method_specs.{name}, or {_renamed(name, _type(config, name))}"
                    )
    if faults:
        raise ConfigError("\n".join(faults))


def _renamed(name: str, plugin: str) -> str:
    return f"give the method another name, method_specs: {{my-{name}: {{type: {plugin}}}}}"


def _faults(config: Mapping[str, Any], name: str) -> Iterator[str]:
    plugin, known = _type(config, name), plugins.names("methods")
    if plugin not in known:
        where = (
            f"methods: unknown name {name!r}"
            if plugin == name
            else f"method_specs.{name}.type: unknown {plugin!r}"
        )
        yield f"{where}: {nearest(plugin, [*known, *config['method_specs']])}"
        return
    if found := code_faults("methods", plugin):
        yield from found
        return
    other = _renamed(name, plugin)
    for axis in ("strategies", "criteria"):
        for own in (name, f"{name}{REVERSED}"):
            if own in config[axis]:
                yield f"methods: {own!r} is one of the {axis}, too: {other}"
    described = plugins.describe("methods", plugin)
    for kind, part in (("strategies", "strategy"), ("criteria", "criterion")):
        own = described[part]
        if own is not None and own not in plugins.names(kind):
            hint = nearest(str(own), plugins.names(kind))
            yield f"{plugins.path('methods', plugin)}: unknown {part} {own!r}: {hint}"
    strategy, ranking = described["strategy"], described["criterion"] is not None
    if strategy in plugins.names("strategies"):
        ranks = plugins.describe("strategies", strategy)["ranks"]
        if ranks and not ranking:
            yield f"{plugins.path('methods', plugin)}: strategy {strategy!r} ranks tokens: name a criterion"
        if ranking and not ranks:
            file = plugins.path("methods", plugin)
            yield f"{file}: strategy {strategy!r} ranks nothing: leave `criterion` out"
    if described["criterion"] is None and config["method_specs"].get(name, {}).get("criterion_options"):
        yield f"method_specs.{name}.criterion_options: {plugin!r} has no criterion"


def _specs(config: Mapping[str, Any], name: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return `strategy_specs` and `criterion_specs` of a method: its own, and the reversed criterion."""
    described, spec = describe_method(config, name), config["method_specs"].get(name, {})
    seeds = {"n_seeds": spec["n_seeds"]} if "n_seeds" in spec else {}
    options = {**described["strategy_options"], **spec.get("strategy_options", {})}
    found: dict[str, dict[str, dict[str, Any]]] = {
        "strategy_specs": {name: {"type": described["strategy"], "options": options, **seeds}},
        "criterion_specs": {},
    }
    if described["criterion"] is not None:
        options = {**described["criterion_options"], **spec.get("criterion_options", {})}
        reverse = bool(options.get("reverse", False))
        for own, given in zip(criteria_of(config, name), (reverse, not reverse), strict=False):
            turned = {**options, "reverse": given} if given != reverse else options
            found["criterion_specs"][own] = {"type": described["criterion"], "options": turned, **seeds}
    return found


def _type(config: Mapping[str, Any], name: str) -> str:
    return str(config["method_specs"].get(name, {}).get("type", name))


def describe_method(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what the plug-in of a method's name declares (see `prunegrid.study.method.Method`)."""
    return plugins.describe("methods", _type(config, name))


def criteria_of(config: Mapping[str, Any], name: str) -> list[str]:
    """Return the names of a method's criterion, and of the reversed one where the study runs it."""
    if describe_method(config, name)["criterion"] is None:
        return [NO_CRITERION]
    return [name, f"{name}{REVERSED}"] if config["methods_reversed"] else [name]


def all_criteria(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the criteria of all methods."""
    found = (own for name in config["methods"] for own in criteria_of(config, name))
    return [own for own in found if own != NO_CRITERION]
