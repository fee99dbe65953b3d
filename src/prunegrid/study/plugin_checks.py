"""What can be known of a plug-in's code before a run: from its source alone, and by trying a schedule.

Holds for the package's own plug-ins and for those from outside alike.
"""

import ast
import math
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from prunegrid import plugins
from prunegrid.errors import ConfigError, PrunegridError
from prunegrid.nearest import nearest
from prunegrid.pruning.schedule import Schedule, removed
from prunegrid.pruning.strategy import Strategy
from prunegrid.source.classes import ClassSource
from prunegrid.source.imports import PACKAGE, Import, files_of, imports_in, leaf_of, module_of, tree_of

# Attributes that the plan reads from the source.
_READ = (
    "stochastic",
    "ranks",
    "has_ratio",
    "needs_answer",
    "first_layer",
    "delegates",
    "scorer",
    "free_text",
    "hub_ids",
    "on_request",
    "scorer_keys",
    "scored_keys",
)
# A method that is needed only where others stay the base's.
_UNLESS = {"cuts": ("solve",), "score": ("resolve", "select"), "rows": ("rows_of_cells",)}
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1 - 2**-40)
_ROUNDING = 1e-9


def code_faults(kind: str, name: str) -> list[str]:
    """Return what is wrong with the class of a plug-in, each with the file and what would be right.

    Parameters
    ----------
    kind, name : str
        A plug-in that there is.
    """
    file = plugins.path(kind, name)
    try:
        source = plugins.class_source(kind, file)
        lineage = source.lineage()
    except ConfigError as error:
        return [str(error)]
    own = lineage[: lineage.index(plugins.base_of(kind))]
    faults = [fault for one in _files_beside(one.file for one in own) for fault in _import_faults(one)]
    faults += [fault for place in range(len(own)) for fault in _signature_faults(lineage, place)]
    faults += _missing_methods(lineage)
    faults += _attribute_faults(lineage, declares=kind == "methods")
    if kind == "methods":
        faults += _unknown_attributes(own, plugins.base_of(kind))
    elif kind != "benchmarks":
        faults += [fault for one in own for fault in _dataclass_faults(one)]
    if kind == "strategies" and not faults:
        described = plugins.describe(kind, name)
        if described["resizes_images"] and described["prunes"]:
            faults.append(
                f"{file}: {source.name} says resizes_images = True and not prunes = False: a strategy makes "
                "pictures smaller, or drops tokens"
            )
    if kind == "benchmarks" and not faults:
        scorer, valid = plugins.describe(kind, name)["scorer"], plugins.names("scorers")
        if scorer not in valid:
            faults.append(f"{file}: {source.name}.scorer is {scorer!r}: {nearest(scorer, valid)}")
    return faults


def selects_sets(criterion: str) -> bool:
    """Return whether a criterion, given by name, has a `select` of its own and thus no scores."""
    return _has_own(criterion, "select")


def weighs(criterion: str) -> bool:
    """Return whether a criterion, given by name, says how tokens are joined (`merge_weights`)."""
    return _has_own(criterion, "merge_weights")


def _has_own(criterion: str, method: str) -> bool:
    lineage = plugins.class_source("criteria", plugins.path("criteria", criterion)).lineage()
    own = lineage[: lineage.index(plugins.base_of("criteria"))]
    return any(method in source.methods for source in own)


def _files_beside(files: Iterable[Path]) -> list[Path]:
    """Return files and those beside them that they import, directly or not."""
    found, waiting = [], list(files)
    while waiting:
        at = waiting.pop(0)
        if at not in found:
            found.append(at)
            beside = (files_of(at, one) for one in imports_in(at) if one.level)
            waiting += sorted(file for some in beside for file in some if file.suffix == ".py")
    return found


def _import_faults(file: Path) -> list[str]:
    """Find imports of files beside a plug-in that are not there, and of names that prunegrid has not."""
    faults = []
    modules = [file.stem for file in PACKAGE.iterdir() if file.suffix in ("", ".py")]
    public = ["__version__", *(one.bound for one in imports_in(PACKAGE / "__init__.py")), *modules]
    for one in imports_in(file):
        ours = one.module.split(".")[0] == PACKAGE.name
        if (one.level or ours) and module_of(file, one.level, one.module) is None:
            faults.append(f"{file}: imports {'.' * one.level}{one.module}, which is not there")
        elif one.module == PACKAGE.name and one.name and one.name not in public:
            faults.append(f"{file}: imports {one.name} from prunegrid: {nearest(one.name, public)}")
        elif one.module != PACKAGE.name and one.name and (one.level or ours) and not _has(file, one):
            faults.append(
                f"{file}: imports {one.name} from {'.' * one.level}{one.module}, which does not define it"
            )
    return faults


def _has(importer: Path, imported: Import) -> bool:
    """Return whether a module of prunegrid, or one beside a plug-in, has the name that is imported."""
    place = module_of(importer, imported.level, imported.module)
    if place is None or imported.name in (None, "*"):
        return True
    if place.is_dir():
        inside = module_of(importer, imported.level, f"{imported.module}.{imported.name}".strip("."))
        return (
            inside is not None
            or leaf_of(place, str(imported.name)) is not None
            or _binds(place / "__init__.py", str(imported.name))
        )
    return place.suffix != ".py" or _binds(place, str(imported.name))


def _binds(file: Path, name: str) -> bool:
    """Return whether a module's code binds a name, anywhere in it."""
    if not file.is_file():
        return False
    return any(one.bound == name for one in imports_in(file)) or name in _defined(tree_of(file))


@cache
def _defined(tree: ast.Module) -> frozenset[str]:
    """Return the functions, classes and variables of a module, at whatever depth."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return frozenset(found)


def _signature_faults(lineage: list[ClassSource], place: int) -> list[str]:
    """Compare the methods of a class with those that they override."""
    own, faults = lineage[place], []
    for name, method in own.methods.items():
        overridden = [one.methods[name] for one in lineage[place + 1 :] if name in one.methods]
        if overridden and not method.decorator_list and not _takes(method, overridden[-1]):
            faults.append(
                f"{own.file}: {own.name} has {_signature(method)}; right is {_signature(overridden[-1])}"
            )
    return faults


def _takes(method: ast.FunctionDef, right: ast.FunctionDef) -> bool:
    """Return whether a method can be called like the one that it overrides.

    An argument may have another name, but not that of another argument: that one would be swapped.
    """
    found, wanted = _positional(method), _positional(right)
    names = {one.arg for one in (*found, *method.args.kwonlyargs)}
    swapped = any(
        a.arg != b.arg and a.arg in [one.arg for one in wanted] for a, b in zip(found, wanted, strict=False)
    )
    needed = len(found) - len(method.args.defaults)
    enough = needed <= len(wanted) and (len(found) >= len(wanted) or method.args.vararg is not None)
    named = method.args.kwarg is not None or all(one.arg in names for one in right.args.kwonlyargs)
    asked = {
        one.arg
        for one, default in zip(method.args.kwonlyargs, method.args.kw_defaults, strict=True)
        if default is None
    }
    return not swapped and enough and named and asked <= {one.arg for one in right.args.kwonlyargs}


def _positional(method: ast.FunctionDef) -> list[ast.arg]:
    return [*method.args.posonlyargs, *method.args.args]


def _signature(method: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(method.returns)}" if method.returns else ""
    return f"{method.name}({ast.unparse(method.args)}){returns}"


def _missing_methods(lineage: list[ClassSource]) -> list[str]:
    """Return a fault for each method that a base leaves to its leaves, and that none defines."""
    faults, first = [], lineage[0]
    for name in dict.fromkeys(name for one in lineage for name in one.methods):
        defined = [one.methods[name] for one in lineage if name in one.methods]
        instead = (sum(other in one.methods for one in lineage) for other in _UNLESS.get(name, ()))
        if _is_left_open(defined[0]) and max(instead, default=0) < 2:
            does = (ast.get_docstring(defined[0]) or "").partition("\n")[0]
            found = ", ".join(first.methods) or "no method"
            faults.append(
                f"{first.file}: {first.name} lacks the method {_signature(defined[0])} ({does}); "
                f"found {found}"
            )
    return faults


def _is_left_open(method: ast.FunctionDef) -> bool:
    last = method.body[-1]
    return (
        isinstance(last, ast.Raise)
        and last.exc is not None
        and "NotImplementedError" in ast.unparse(last.exc)
    )


def _unknown_attributes(own: list[ClassSource], base: ClassSource) -> list[str]:
    """Return a fault for each attribute that a declaration has and its base does not know."""
    return [
        f"{one.file}: {one.name} has the unknown attribute {name!r}: {nearest(name, base.attributes)}"
        for one in own
        for name in one.attributes
        if name not in base.attributes
    ]


def _attribute_faults(lineage: list[ClassSource], *, declares: bool) -> list[str]:
    """Find attributes that are missing, or no literals; of what `declares`, all are read from the source."""
    first, faults = lineage[0], []
    told = {name: one for source in reversed(lineage) for name, one in source.attributes.items()}
    given = {name for source in lineage for name, one in source.attributes.items() if one.value is not None}
    for name, attribute in told.items():
        if attribute.is_class_variable and name not in given:
            faults.append(
                f"{first.file}: {first.name} lacks the class attribute `{name}: {attribute.annotation}`"
            )
        elif (declares or name in _READ) and attribute.value is not None and not _is_literal(attribute.value):
            faults.append(
                f"{first.file}: {first.name}.{name} is {ast.unparse(attribute.value)}: it is read without "
                "importing the file, so write the value itself"
            )
    return faults


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError):
        return False
    return True


def _dataclass_faults(source: ClassSource) -> list[str]:
    """Options are fields of a frozen dataclass: without the decorator they are none."""
    decorators = [ast.unparse(one) for one in source.node.decorator_list]
    found = next((one for one in decorators if "dataclass" in one), None)
    options = [name for name, one in source.attributes.items() if not one.is_class_variable]
    if found is None and options:
        return [
            f"{source.file}: {source.name} has the options {', '.join(options)}, but is no dataclass: write "
            "@dataclass(frozen=True, kw_only=True) above it"
        ]
    if found is not None and not ("frozen=True" in found and ("kw_only=True" in found or not options)):
        right = "@dataclass(frozen=True, kw_only=True)"
        return [f"{source.file}: {source.name} is a @{found}; right is {right}"]
    return []


def check_cuts(strategy: Strategy, file: Path, n_layers: int) -> None:
    """Try a strategy's `cuts` at several strengths.

    Parameters
    ----------
    strategy : Strategy
        With the options of the study. One that solves a ratio in its own way is left to `solved`.
    file : Path
        Where it is defined, for messages.
    n_layers : int
        Decoder layers.

    Raises
    ------
    ConfigError
        If they fail or are no cuts, with what was returned and what is right.
    """
    if type(strategy).solve is not Strategy.solve:
        return
    shares = []
    for strength in _STRENGTHS:
        called = f"{file}: cuts(strength={strength:.6g}, n_layers={n_layers})"
        try:
            cuts = strategy.cuts(strength, n_layers)
        except PrunegridError:
            # The options do not fit the model: the grid says so.
            return
        except Exception as error:
            raise ConfigError(f"{called} fails: {type(error).__name__}: {error}") from error
        _check_pairs(cuts, called, n_layers)
        shares.append(removed(cuts, n_layers, 1.0))
    for (weak, less), (strong, more) in pairwise(zip(_STRENGTHS, shares, strict=True)):
        if more < less - _ROUNDING:
            raise ConfigError(
                f"{file}: with {n_layers} layers, cuts at strength {weak:.6g} remove {less:.3f} of the image "
                f"tokens' work, at strength {strong:.6g} only {more:.3f}: what is removed must not decrease"
            )


def solved(
    strategy: Strategy, file: Path, ratio: float | None, n_layers: int, seed: int, n_tokens: int | None
) -> Schedule:
    """Return the schedule of a strategy, checked.

    Parameters
    ----------
    strategy, file, n_layers
        As in `check_cuts`.
    ratio, seed, n_tokens
        See `Strategy.solve`.

    Raises
    ------
    PruningError
        As the strategy raises it.
    ConfigError
        If it fails in another way, or returns no schedule.
    """
    called = f"{file}: solve(ratio={ratio}, n_layers={n_layers}, seed={seed}, n_tokens={n_tokens})"
    try:
        found = strategy.schedule_for(ratio, n_layers, seed=seed, n_tokens=n_tokens)
    except PrunegridError:
        raise
    except Exception as error:
        raise ConfigError(f"{called} fails: {type(error).__name__}: {error}") from error
    _check_pairs(found.cuts, called, n_layers)
    return found


def _check_pairs(cuts: Any, called: str, n_layers: int) -> None:
    """Refuse what is no list of (layer, share): layers ascending, shares in [0, 1] that do not increase."""
    fault = None
    try:
        pairs = [(layer, share) for layer, share in cuts]
    except (TypeError, ValueError):
        pairs, fault = [], "which is no list of (layer, share)"
    layers, shares = [layer for layer, _ in pairs], [share for _, share in pairs]
    if not all(isinstance(layer, Integral) for layer in layers):
        fault = "where a layer is no whole number"
    elif not all(isinstance(share, Real) and math.isfinite(share) for share in shares):
        fault = "where a share is no number"
    elif not all(0 <= layer < n_layers for layer in layers):
        fault = f"where a layer is not among 0..{n_layers - 1}"
    elif any(b <= a for a, b in pairwise(layers)):
        fault = "where layers do not ascend"
    elif not all(-_ROUNDING <= share <= 1 + _ROUNDING for share in shares):
        fault = "where a share is not between 0 and 1"
    elif any(b > a + _ROUNDING for a, b in pairwise(shares)):
        fault = "where a share is larger than the one before: tokens do not come back"
    if fault:
        raise ConfigError(
            f"{called} returned {cuts!r}, {fault}; right is [(layer, share of image tokens that stay), ...], "
            f"layers ascending among 0..{n_layers - 1}, shares between 0 and 1 that do not increase"
        )
