"""Read, convert and check the configuration. Imports no torch: a dry run must be instant."""

import copy
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from prunegrid import plugins
from prunegrid.axis_names import BASELINE, NO_CRITERION, REVERSED
from prunegrid.errors import ConfigError
from prunegrid.files import expanded
from prunegrid.nearest import nearest
from prunegrid.option_types import option_faults
from prunegrid.option_types import words as option_words
from prunegrid.study.budgets import budget_fault
from prunegrid.study.folder_names import impossible_names
from prunegrid.study.method_specs import add_methods, all_criteria
from prunegrid.study.plugin_checks import code_faults, selects_sets, weighs

# libyaml's, ten times faster, where it is there.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")


def validate(config: Mapping[str, Any], schema_path: str | Path) -> dict[str, Any]:
    """Return a checked copy of `config` with the schema's types and defaults.

    Parameters
    ----------
    config : mapping
        As Snakemake hands it over: values from `--config` may be strings.
    schema_path : path
        The JSON schema, as YAML.

    Raises
    ------
    ConfigError
        Naming the key, the valid names and the nearest one; all faults at once.
    """
    # Jobs are handed a configuration that was validated, and need not wait for the import.
    from jsonschema import Draft202012Validator

    schema = yaml.load(Path(schema_path).read_text(encoding="utf-8"), _LOADER)
    checked: dict[str, Any] = _convert(copy.deepcopy(dict(config)), schema)
    for specs in ("strategy_specs", "criterion_specs", "method_specs"):
        # Options have the types of their plug-ins, which the schema does not know.
        for spec in checked.get(specs, {}).values() if isinstance(checked.get(specs), Mapping) else ():
            for name in ("options", "strategy_options", "criterion_options"):
                if isinstance(spec, dict) and isinstance(spec.get(name), Mapping):
                    spec[name] = {key: _plain(value) for key, value in spec[name].items()}
    _allow_adapter_options(checked, schema)
    if faults := [*_odd_values(checked)]:
        raise ConfigError("\n".join(faults))
    errors = sorted(Draft202012Validator(schema).iter_errors(checked), key=lambda error: list(error.path))
    if errors:
        raise ConfigError("\n".join(_explain(error) for error in errors))
    _expand_paths(checked)
    if faults := impossible_names(checked):
        raise ConfigError("\n".join(faults))
    _name_adapters(checked)
    add_methods(checked)
    _check_code(checked)
    _check_names(checked)
    return checked


def check_gpus(config: Mapping[str, Any], allowed: int | None, shown: int | None = None) -> None:
    """Check that no job of a validated configuration needs more GPUs than all jobs together may have.

    Parameters
    ----------
    config : mapping
        As `validate` returns it.
    allowed : int or None
        Snakemake's `--resources gpu=N`; None: none was given.
    shown : int, optional
        GPUs of this machine, where its jobs run and it has any.

    Raises
    ------
    ConfigError
        Naming the model.
    """
    for model in config["models"]:
        needed = config["model_specs"][model]["gpus"]
        if allowed is not None and needed > allowed:
            raise ConfigError(
                f"model_specs.{model}.gpus is {needed}, but `--resources gpu={allowed}`, on the command line "
                f"or in the profile, allows no more than {allowed} for all jobs together: change one of them"
            )
        if shown is not None and needed > shown:
            raise ConfigError(
                f"model_specs.{model}.gpus is {needed}, but this machine shows {shown}: change `gpus`, or "
                "CUDA_VISIBLE_DEVICES"
            )


def _convert(value: Any, schema: Mapping[str, Any]) -> Any:
    """Convert strings to the schema's types and fill in defaults, recursively."""
    wanted = schema.get("type", [one["type"] for one in schema.get("anyOf", ()) if "type" in one])
    types = wanted if isinstance(wanted, list) else [wanted]
    # Of a number or a word, a text that is a number is the number.
    if isinstance(value, str) and ("string" not in types or "integer" in types):
        value = _from_text(value, types)
    if isinstance(value, float) and value.is_integer() and "integer" in types and "number" not in types:
        # The schema takes 2.0 for an integer; `range` does not.
        value = int(value)
    if isinstance(value, Mapping):
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        value = {
            key: _convert(item, known.get(key) or (other if isinstance(other, dict) else {}))
            for key, item in value.items()
        }
        for key, part in known.items():
            if "default" in part and key not in value:
                value[key] = _convert(copy.deepcopy(part["default"]), part)
    elif isinstance(value, list) and "array" in types:
        value = [_convert(item, schema.get("items", {})) for item in value]
    return value


def _from_text(text: str, types: list[str]) -> Any:
    """Return what a string from the command line means for one of the given types, else the string."""
    for kind, convert in (("integer", int), ("number", float)):
        if kind in types:
            try:
                return convert(text)
            except ValueError:
                pass
    if "boolean" in types and text.lower() in _TRUE + _FALSE:
        return text.lower() in _TRUE
    if {"array", "object"} & set(types):
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            pass
    return text


def _plain(value: Any) -> Any:
    """Return what strings mean in YAML: --config hands everything over as text."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value


def _odd_values(value: Any, at: str = "") -> Iterator[str]:
    """Yield where there is what YAML can write and no key can mean: NaN, infinity, names that are no text."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{at}: {value} is no number that can be computed with"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            where = f"{at}.{key}" if at else str(key)
            if not isinstance(key, str):
                yield f"{where}: the name {key!r} is no text: put it in quotes"
            yield from _odd_values(item, where)
    elif isinstance(value, list):
        for item in value:
            yield from _odd_values(item, at)


def _explain(error: Any) -> str:
    """Turn a schema error into a line that says what would be right."""
    # Of the whole configuration, whoever prints the error says that it is about it.
    where = f"{'.'.join(map(str, error.path))}: " if error.path else ""
    if error.validator == "additionalProperties":
        valid = error.schema.get("properties", {})
        unknown = [key for key in error.instance if key not in valid]
        return "\n".join(f"{where}unknown key {key!r}: {nearest(key, valid)}" for key in unknown)
    if error.validator == "enum":
        hint = nearest(error.instance, map(str, error.validator_value))
        return f"{where}{error.instance!r} is not allowed: {hint}"
    if error.validator == "required":
        return f"{where}{error.message}"
    about = error.schema.get("description", "")
    return f"{where}{error.message}" + (f" ({about})" if about else "")


def _allow_adapter_options(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Add the keys that adapters declare as their `options` to the schema, which knows none from outside."""
    known = schema["properties"]["benchmark_specs"]["additionalProperties"]["properties"]
    specs = config.get("benchmark_specs")
    for name, spec in specs.items() if isinstance(specs, Mapping) else ():
        adapter = spec.get("adapter", name) if isinstance(spec, Mapping) else name
        if adapter in plugins.names("benchmarks"):
            for key, values in plugins.describe("benchmarks", adapter)["options"].items():
                known.setdefault(
                    key, {"enum": list(values)} if values else {"type": "string", "minLength": 1}
                )


def _expand_paths(config: dict[str, Any]) -> None:
    """Expand `~` and variables in all paths, once and for all jobs, on whichever machine they run."""
    places = [("", config, "results_dir")]
    for specs in ("model_specs", "benchmark_specs"):
        places += [(f"{specs}.{name}.", spec, "path") for name, spec in config[specs].items()]
    for where, holder, key in places:
        if key in holder:
            holder[key] = _expanded(f"{where}{key}", holder[key])
    config["plugins"] = [_expanded("plugins", path) for path in config["plugins"]]


def _expanded(where: str, path: str) -> str:
    try:
        return str(expanded(path)) if any(mark in path for mark in "~$") else path
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _name_adapters(config: dict[str, Any]) -> None:
    """Let a benchmark's adapter default to its name: `benchmarks: [pope]` needs no more."""
    specs, adapters = config["benchmark_specs"], plugins.names("benchmarks")
    for name in config["benchmarks"]:
        if name in specs or name in adapters:
            specs[name] = {"adapter": name, **specs.get(name, {})}


def _check_code(config: Mapping[str, Any]) -> None:
    """Check the code of all plug-ins that the configuration uses, as far as their names are known."""
    waiting = [
        *(
            ("strategies", plugin_of(config, "strategies", name))
            for name in [*config["strategies"], *config["methods"]]
        ),
        *(
            ("criteria", plugin_of(config, "criteria", name))
            for name in [*config["criteria"], *all_criteria(config)]
        ),
        *(
            ("benchmarks", (config["benchmark_specs"][name]["adapter"], {}))
            for name in config["benchmarks"]
            if name in config["benchmark_specs"]
        ),
    ]
    seen, faults = set(), []
    while waiting:
        kind, (name, options) = waiting.pop(0)
        if name not in plugins.names(kind) or (kind, name) in seen:
            continue
        seen.add((kind, name))
        found = code_faults(kind, name)
        faults += found
        if not found:
            described = plugins.describe(kind, name)
            waiting += [("criteria", (part, {})) for part in plugins.handed_to(described, options)]
            waiting += [("scorers", (described["scorer"], {}))] if kind == "benchmarks" else []
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))


def _check_names(config: Mapping[str, Any]) -> None:
    """Check every name against what it stands for, and every option against its plug-in."""
    faults = [
        f"{place}: the name {BASELINE!r} is taken: it is the unpruned model, and the criterion of cells "
        "without one"
        for place in ("strategy_specs", "criterion_specs", "criteria")
        if BASELINE in config[place]
    ]
    faults += [
        f"models: {name!r} is not in model_specs: {nearest(name, config['model_specs'])}"
        for name in config["models"]
        if name not in config["model_specs"]
    ]
    for name in config["benchmarks"]:
        faults += _check_benchmark(config, name)
    for axis, specs, kind, of_methods in (
        ("strategies", "strategy_specs", "strategies", config["methods"]),
        ("criteria", "criterion_specs", "criteria", all_criteria(config)),
    ):
        for name in [*config[axis], *of_methods]:
            faults += _check_plugin(config, axis, specs, kind, name)
        for name in config[specs]:
            if (
                name not in config[axis]
                and name not in plugins.names(kind)
                and "type" not in config[specs][name]
            ):
                valid = [*config[axis], *plugins.names(kind)]
                faults.append(f"{specs}: {name!r} is used nowhere: {nearest(name, valid)}")
    for name, spec in config["benchmark_specs"].items():
        # Merged over a benchmark of another file it would have one of these.
        if name not in config["benchmarks"] and not {"adapter", "path"} & set(spec):
            known = {*config["benchmarks"], *plugins.names("benchmarks")}
            if name not in known:
                faults.append(f"benchmark_specs: {name!r} is used nowhere: {nearest(name, known)}")
    faults += _check_empty_axes(config)
    faults += _check_tables(config)
    faults += _check_paper(config)
    if isinstance(config["report"]["pictures"], list):
        faults += [
            f"report.pictures: {name!r} is not in benchmarks: {nearest(name, config['benchmarks'])}"
            for name in config["report"]["pictures"]
            if name not in config["benchmarks"]
        ]
    for axis in ("benchmarks", "models"):
        if isinstance(config["flow"][axis], list):
            faults += [
                f"flow.{axis}: {name!r} is not in {axis}: {nearest(name, config[axis])}"
                for name in config["flow"][axis]
                if name not in config[axis]
            ]
    faults += [
        f"flow.{name}: {value} is no whole number of layers, nor a share below 1"
        for name in ("window", "stride")
        if (value := config["flow"][name]) > 1 and value != int(value)
    ]
    own = {f"strategy_specs.{n}.ratios": s.get("ratios", []) for n, s in config["strategy_specs"].items()}
    faults += [
        f"{where}: {ratio} is not a multiple of 0.001"
        for where, ratios in {"ratios": config["ratios"], **own}.items()
        for ratio in ratios
        if abs(ratio * 1000 - round(ratio * 1000)) > 1e-6
    ]
    faults += [f"tokens: {fault}" for budget in config["tokens"] if (fault := budget_fault(budget))]
    for position, entry in enumerate(config["exclude"]):
        faults += _check_exclusion(config, position, entry)
    for position, entry in enumerate(config["latency"]["cells"]):
        faults += _check_measured(config, position, entry)
    if faults:
        raise ConfigError("\n".join(faults))


def _check_empty_axes(config: Mapping[str, Any]) -> list[str]:
    """Refuse an empty list that would let the cells of a strategy vanish."""
    faults = []
    if not config["strategies"] and not config["methods"]:
        faults.append("strategies: is empty, and so is `methods`: name at least one strategy or method")
    if config["methods"] and not config["ratios"] and not config["tokens"]:
        faults.append(
            "ratios: is empty, and so is `tokens`, but methods need a budget: name at least one of either"
        )
    for axis, needs in (("criteria", "ranks"), ("ratios", "has_ratio")):
        if axis == "ratios" and config["tokens"]:
            continue
        strategies = [
            name
            for name in config["strategies"]
            if (plugin := plugin_of(config, "strategies", name)[0]) in plugins.names("strategies")
            and plugins.describe("strategies", plugin)[needs]
        ]
        lacking = [
            name
            for name in strategies
            if not config[axis] and not (axis == "ratios" and own_ratios(config, name))
        ]
        if lacking:
            faults.append(f"{axis}: is empty, but strategy {lacking[0]!r} needs one: name at least one")
    return faults


def _check_benchmark(config: Mapping[str, Any], name: str) -> list[str]:
    specs, adapters = config["benchmark_specs"], plugins.names("benchmarks")
    if name not in specs:
        valid = {*specs, *adapters}
        return [f"benchmarks: {name!r} is not in benchmark_specs: {nearest(name, valid)}"]
    adapter = specs[name]["adapter"]
    if adapter not in adapters:
        hint = nearest(adapter, adapters)
        return [f"benchmark_specs.{name}.adapter: unknown adapter {adapter!r}: {hint}"]
    described = plugins.describe("benchmarks", adapter)
    if "path" not in specs[name] and not (described["hub_ids"] or described["finds_data"]):
        return [f"benchmark_specs.{name}: `path` is missing: a hub id, a folder, *.parquet or *.jsonl"]
    valid = plugins.describe("scorers", described["scorer"])["on_request"]
    return [
        f"benchmark_specs.{name}.metrics: unknown metric {metric!r}: {nearest(metric, valid)}"
        for metric in specs[name].get("metrics", [])
        if metric not in valid
    ]


def _check_plugin(config: Mapping[str, Any], axis: str, specs: str, kind: str, name: str) -> list[str]:
    plugin, options = plugin_of(config, kind, name)
    valid = plugins.names(kind)
    if plugin not in valid:
        where = (
            f"{axis}: unknown name {name!r}" if plugin == name else f"{specs}.{name}.type: unknown {plugin!r}"
        )
        return [f"{where}: {nearest(plugin, [*valid, *config[specs]])}"]
    described = plugins.describe(kind, plugin)
    wrong = option_faults(options, described["types"])
    faults = [f"{specs}.{name}.options.{key}: {fault}" for key, fault in wrong.items()]
    faults += [
        f"{specs}.{name}.options: unknown option {key!r}: {nearest(key, described['options'])}"
        for key in options
        if key not in described["options"]
    ]
    for key in described.get("delegates", ()):
        faults += [
            f"{specs}.{name}.options.{key}: unknown criterion {part!r}: {nearest(part, valid)}"
            for part in as_list(options.get(key, []))
            if part not in valid
        ]
    if kind == "criteria" and not faults:
        faults += _merge_faults(f"{specs}.{name}.options", plugin, described, options)
    if kind == "strategies" and not faults:
        try:
            plugins.build(kind, plugin, options)
        except ConfigError as error:
            faults.append(f"{specs}.{name}.options: {error}")
    return faults


def _merge_faults(
    where: str, plugin: str, described: Mapping[str, Any], options: Mapping[str, Any]
) -> list[str]:
    """Check what becomes of dropped tokens: of all that a criterion hands layers to, or of each part."""
    parts = plugins.handed_to(described, options)
    merged = [(part, "merge", options.get("merge")) for part in [plugin, *parts]]
    merges = options.get("merges")
    if merges:
        valid, listed = option_words(described["types"]["merge"]), options.get("parts", ())
        if len(merges) != len(listed) or options.get("merge", "drop") != "drop":
            return [f"{where}.merges: {merges} is one for each of {list(listed)}, in place of `merge`"]
        unknown = [how for how in merges if how not in valid]
        if unknown:
            return [f"{where}.merges: {unknown[0]!r} is not one of {', '.join(valid)}"]
        merged = [(part, "merges", how) for part, how in zip(listed, merges, strict=True)]
    faults = [
        f"{where}.{key}: recycle takes the best-scored of the dropped tokens, and criterion {part!r} selects "
        "sets, without scores: drop or average"
        for part, key, how in merged
        if how == "recycle" and selects_sets(part)
    ]
    return faults + [
        f"{where}.{key}: weighted adds tokens up as the criterion says, and {part!r} says nothing of it "
        "(merge_weights): drop or average"
        for part, key, how in merged
        # One that hands layers on merges nothing itself.
        if how == "weighted" and not (weighs(part) or (parts and part == plugin))
    ]


def _check_tables(config: Mapping[str, Any]) -> list[str]:
    """Check the names in `tables`; its defaults may be missing from a grid, then their columns are too."""
    tables, faults = config["tables"], []
    for key, axis, kind in (
        ("reference_strategy", "strategies", "strategies"),
        ("reference_criterion", "criteria", "criteria"),
        ("fixed_criteria", "criteria", "criteria"),
    ):
        valid = {*config[axis], *plugins.names(kind)}
        faults += [
            f"tables.{key}: unknown name {name!r}: {nearest(name, valid)}"
            for name in as_list(tables[key])
            if name not in valid
        ]
    reference, valid = tables["reference_method"], {*config["methods"], *plugins.names("methods")}
    if reference not in valid:
        faults.append(f"tables.reference_method: unknown name {reference!r}: {nearest(reference, valid)}")
    return faults


def _check_paper(config: Mapping[str, Any]) -> list[str]:
    """Check the names of tables for a paper: the rest of it is in the schema."""
    kinds = {name: plugin_of(config, "strategies", name)[0] for name in [*config["strategies"], BASELINE]}
    known = {name: kind for name, kind in kinds.items() if kind in plugins.names("strategies")}
    described = {name: plugins.describe("strategies", kind) for name, kind in known.items()}
    unpruned = [name for name, plugin in described.items() if not plugin["has_ratio"]]
    ranking = [name for name, plugin in described.items() if plugin["ranks"]]
    valid: dict[str, dict[str, list[Any]]] = {
        "strategy": {"rows": [*config["strategies"], BASELINE], "fixed": config["criteria"]},
        "criterion": {"rows": [*config["criteria"], *unpruned], "fixed": ranking},
    }
    return [
        f"tables.paper.{kind}.{key}: {value!r} is not in the grid: {nearest(value, map(str, names))}"
        for kind, own in valid.items()
        for key, names in {
            "benchmarks": config["benchmarks"],
            "ratios": all_ratios(config),
            "match": matchings(config),
            **own,
        }.items()
        for value in config["tables"]["paper"][kind][key]
        if value not in names
    ]


def _check_exclusion(config: Mapping[str, Any], position: int, entry: Mapping[str, Any]) -> list[str]:
    """Check an entry of `exclude`: names are known, numbers are in the grid."""
    # What ratio a number of tokens is depends on the model.
    of_tokens = [] if not config["tokens"] else as_list(entry.get("ratio", []))
    valid = {
        "ratio": [*all_ratios(config), 0, *of_tokens],
        "seed": [*config["seeds"], *range(_most_seeds(config))],
        "match": matchings(config),
    }
    return _unknown_names(config, f"exclude[{position}]", entry) + [
        f"exclude[{position}].{axis}: {value!r} is not in the grid: {nearest(value, map(str, valid[axis]))}"
        for axis, values in entry.items()
        if axis in valid
        for value in as_list(values)
        if value not in valid[axis]
    ]


def _check_measured(config: Mapping[str, Any], position: int, entry: Mapping[str, Any]) -> list[str]:
    """Check an entry of `latency: {cells: ...}`."""
    return _unknown_names(config, f"latency.cells[{position}]", entry)


def _unknown_names(config: Mapping[str, Any], place: str, entry: Mapping[str, Any]) -> list[str]:
    """Refuse names that nothing has, in an entry that names cells; those of another study's choice pass.

    The demo's entries stand in every configuration that goes over it.
    """
    valid = {
        "model": [*config["model_specs"]],
        "benchmark": [*config["benchmark_specs"], *plugins.names("benchmarks")],
        "strategy": [
            *config["strategies"],
            *config["strategy_specs"],
            *plugins.names("strategies"),
            *plugins.names("methods"),
            BASELINE,
        ],
        "criterion": [
            *config["criteria"],
            *config["criterion_specs"],
            *plugins.names("criteria"),
            *(f"{name}{end}" for name in plugins.names("methods") for end in ("", REVERSED)),
            NO_CRITERION,
        ],
    }
    return [
        f"{place}.{axis}: unknown name {value!r}: {nearest(value, valid[axis])}"
        for axis, values in entry.items()
        if axis in valid
        for value in as_list(values)
        if value not in valid[axis]
    ]


def _most_seeds(config: Mapping[str, Any]) -> int:
    specs = [*config["strategy_specs"].values(), *config["criterion_specs"].values()]
    return max((spec.get("n_seeds", 0) for spec in specs), default=0)


def own_ratios(config: Mapping[str, Any], strategy: str) -> list[float]:
    """Return the ratios of a strategy's own; where there are none, it is run at those of all."""
    found: list[float] = config["strategy_specs"].get(strategy, {}).get("ratios", [])
    return found


def all_ratios(config: Mapping[str, Any]) -> list[float]:
    """Return every ratio of a configuration once: those of all strategies, then those of single ones."""
    own = (ratio for strategy in config["strategies"] for ratio in own_ratios(config, strategy))
    return [*dict.fromkeys([*config["ratios"], *own])]


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]


def matchings(config: Mapping[str, Any]) -> list[str]:
    """Return what is equal at one ratio, each in cells of its own if there are several: `match` as a list."""
    return as_list(config["match"])


def plugin_of(config: Mapping[str, Any], kind: str, name: str) -> tuple[str, dict[str, Any]]:
    """Return (plug-in, options) that a strategy's or criterion's name stands for."""
    spec = config["strategy_specs" if kind == "strategies" else "criterion_specs"].get(name, {})
    return spec.get("type", name), dict(spec.get("options", {}))


def assumed_sample(config: Mapping[str, Any]) -> dict[str, int]:
    """Return the tokens that `compute_plan` assumes of a sample: `text_before`, `text_after`, `generated`."""
    assumed = config["compute_plan"]
    return {name: assumed[name] for name in ("text_before", "text_after", "generated")}
