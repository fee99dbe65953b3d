"""Which criterion scores before which layer, as far as a configuration tells. Imports no torch.

The engine decides by the criteria themselves. Here one that hands layers on counts as its first part before
the schedule's deep cuts, and as its last part from there on, or as a list of parts, one per cut.
"""

from collections.abc import Mapping
from typing import Any

from prunegrid import plugins
from prunegrid.pruning.families import family_of, supported_models
from prunegrid.pruning.schedule import MOST_STEPS, Schedule, not_first, one_per_cut, resolve_layer, too_early

# Where a criterion hands deep layers on, if neither it nor the schedule says from which layer on.
_DEEP_FROM = 0.25


def scored_by(
    name: str, options: Mapping[str, Any], layer: int, schedule: Schedule
) -> tuple[str, dict[str, Any], bool]:
    """Return plug-in, options and order of the criterion that is taken to score before a layer.

    Parameters
    ----------
    name, options : str, mapping
        The plug-in that a study names, and its options.
    layer, schedule : int, Schedule
        A cut, and the schedule that it is of.
    """
    reverse, own = False, dict(options)
    for _ in range(MOST_STEPS):
        reverse = reverse != bool(own.get("reverse", False))
        described = plugins.describe("criteria", name)
        if not described.get("delegates"):
            break
        name, merge = _part(described, own, layer, schedule)
        own = {**own, "merge": merge} if merge else own
        taken = plugins.describe("criteria", name)["options"] - {"reverse"}
        own = {key: value for key, value in own.items() if key in taken}
    return name, {key: value for key, value in own.items() if key != "reverse"}, reverse


def _part(
    described: Mapping[str, Any], options: Mapping[str, Any], layer: int, schedule: Schedule
) -> tuple[str, str | None]:
    """Return the part that scores before a layer, and its own `merge`, None where none is given."""
    cuts = [cut for cut, _ in schedule.cuts]
    per_cut = options.get("parts", ()) if "parts" in described["delegates"] else ()
    if len(per_cut) == len(cuts):
        merges = options.get("merges") or [None] * len(cuts)
        return str(per_cut[cuts.index(layer)]), merges[cuts.index(layer)]
    parts = plugins.handed_to({**described, "parts": ()}, {**options, "parts": ()})
    said = options.get("deep_from", schedule.deep_from)
    deep_from = resolve_layer(_DEEP_FROM if said is None else said, schedule.n_layers)
    return parts[-1] if layer >= deep_from else parts[0], None


def cannot_score(name: str, options: Mapping[str, Any], schedule: Schedule) -> str | None:
    """Return why a criterion cannot score before the cuts of a schedule, or None.

    Parameters
    ----------
    name, options : str, mapping
        As of `scored_by`. Of one that hands layers on in a way of its own only what no part can do is found.
    schedule : Schedule
        The schedule.
    """
    described = plugins.describe("criteria", name)
    parts = options.get("parts", ())
    if "parts" in described.get("delegates", ()) and parts and len(parts) != len(schedule.cuts):
        return one_per_cut(len(parts), schedule)
    for layer, share in schedule.cuts:
        if share <= 0:
            continue
        known = "deep_from" in described["options"] or not described.get("delegates")
        scoring = (
            [scored_by(name, options, layer, schedule)[0]] if known else plugins.handed_to(described, options)
        )
        first = {one: plugins.describe("criteria", one).get("first_layer", 0) for one in scoring}
        if all(layer < earliest for earliest in first.values()):
            earliest = min(first, key=first.__getitem__)
            return too_early(earliest, layer, first[earliest])
        late = layer != schedule.cuts[0][0]
        if late and all(plugins.describe("criteria", one).get("first_cut_only", False) for one in scoring):
            return not_first(scoring[0], layer, schedule)
    return None


def needs_class_token(name: str, options: Mapping[str, Any]) -> bool:
    """Return whether a criterion, or one that it may hand layers to, reads a vision tower's class token.

    Parameters
    ----------
    name, options : str, mapping
        As of `scored_by`.
    """
    parts = [name, *plugins.handed_to(plugins.describe("criteria", name), options)]
    return any(plugins.describe("criteria", part).get("needs_class_token", False) for part in parts)


def has_class_token(config: Mapping[str, Any]) -> bool | None:
    """Return whether a model's vision tower has a class token, None where its configuration does not tell.

    Parameters
    ----------
    config : mapping
        Of config.json; empty where the model is not on this machine.
    """
    model_type = config.get("model_type")
    if model_type not in supported_models() or "model_type" not in config.get("vision_config", {}):
        return None
    return family_of(model_type).has_class_token(config)
