"""Choose the files of one configuration and split among a data set's file names (the hub's layouts)."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from prunegrid.errors import DataError

ENDINGS = (".parquet", ".jsonl")
_SPLITS = {"train", "test", "validation", "val", "valid", "dev", "testdev", "minitest"}
_SHARD = re.compile(r"^(?P<split>.+?)-(?P<number>\d{5})-of-(?P<total>\d{5})")


def choose(
    names: Sequence[str],
    *,
    config: str | None = None,
    split: str | Sequence[str] | None = None,
    where: str = "",
) -> list[str]:
    """Return the names that hold one configuration and split, sorted.

    Understands `data/<split>-*.parquet`, `<config>/<split>-*.parquet`, `<config>/<split>/*.parquet`,
    `<split>_<config>.parquet` and flat folders. Where no file is named after a split or a configuration,
    all files belong to it, so that a user's own folder of shards works with a published data set's settings.

    Parameters
    ----------
    names : sequence of str
        Relative names with forward slashes, any endings.
    config : str, optional
        None and "default" mean the files beside all configurations, or the only one.
    split : str or sequence of str, optional
        None takes the only split.
    where : str
        The folder or hub id, for messages.

    Raises
    ------
    DataError
        If there is no such file, the choice is open, or shards are missing.
    """
    wanted = None if split is None else {split} if isinstance(split, str) else set(split)
    known = _SPLITS | (wanted or set())
    visible = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    for ending in ENDINGS:
        found = sorted(name for name in visible if name.endswith(ending))
        if found:
            break
    else:
        raise DataError(f"{where}: holds no {' or '.join('*' + ending for ending in ENDINGS)} file")
    found = _of_config(found, config, known, where)
    found = _of_split(found, wanted, known, where)
    _check_complete(found, where)
    return found


def _of_config(names: list[str], config: str | None, known: set[str], where: str) -> list[str]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_config_of(name, known), []).append(name)
    wanted = config or "default"
    if wanted in groups:
        return groups[wanted]
    # CV-Bench: `test_2d.parquet` is of the configuration 2D.
    if named := [name for name in names if _end_of(name, known) == wanted.lower()]:
        return named
    if len(groups) == 1 and (wanted == "default" or "default" in groups):
        return names
    raise DataError(f"{where}: no configuration {wanted!r}; `config` may be: {', '.join(sorted(groups))}")


def _config_of(name: str, known: set[str]) -> str:
    folders = name.split("/")[:-1]
    if folders[:1] == ["data"]:
        folders = folders[1:]
    if folders and folders[-1] in known:
        folders = folders[:-1]
    return "/".join(folders) or "default"


def _end_of(name: str, known: set[str]) -> str | None:
    """Return what stands after the split in the name of a file beside all configurations."""
    first, _, rest = PurePosixPath(name).stem.partition("_")
    return rest.lower() if rest and first in known and _config_of(name, known) == "default" else None


def _of_split(names: list[str], wanted: set[str] | None, known: set[str], where: str) -> list[str]:
    split_of = {name: _split_of(name, known) for name in names}
    found = {split for split in split_of.values() if split}
    if wanted is None:
        if len(found) > 1:
            raise DataError(
                f"{where}: holds several splits; set `split` to one of: {', '.join(sorted(found))}"
            )
        return names
    if not found:
        return names
    if wanted - found:
        missing = ", ".join(sorted(wanted - found))
        raise DataError(f"{where}: no split {missing}; `split` may be: {', '.join(sorted(found))}")
    return [name for name in names if split_of[name] in wanted]


def _split_of(name: str, known: set[str]) -> str | None:
    path = PurePosixPath(name)
    shard = _SHARD.match(path.stem)
    stem = shard["split"] if shard else path.stem
    for candidate in (stem, re.split(r"[-_.]", stem)[0], path.parent.name):
        if candidate in known:
            return candidate
    return None


def _check_complete(names: list[str], where: str) -> None:
    """Refuse a half-downloaded set: `x-00001-of-00003` says how many shards there must be."""
    present: dict[tuple[str, str], set[int]] = {}
    for name in names:
        path = PurePosixPath(name)
        shard = _SHARD.match(path.stem)
        if shard:
            key = (str(path.parent / shard["split"]), shard["total"])
            present.setdefault(key, set()).add(int(shard["number"]))
    for (prefix, total), numbers in present.items():
        missing = sorted(set(range(int(total))) - numbers)
        if missing:
            listed = ", ".join(f"{prefix}-{number:05d}-of-{total}" for number in missing[:5])
            raise DataError(
                f"{where}: {len(missing)} of {int(total)} shards are missing ({listed}): "
                "run `snakemake download` again, or copy them"
            )
