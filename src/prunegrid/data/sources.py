"""Find the files of a data set: a file, a pattern, a folder, or a snapshot in the hub cache."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prunegrid.data import hub
from prunegrid.data.splits import ENDINGS, choose
from prunegrid.errors import DataError, NotDownloadedError
from prunegrid.files import expanded, is_regular_file, leads_nowhere

_READ = " or ".join(f"*{ending}" for ending in ENDINGS)


@dataclass(frozen=True)
class Source:
    """The files of one data set, in reading order.

    Attributes
    ----------
    path : str
        The path or hub id that was found, as configured.
    files : tuple of Path
        All *.parquet, or all *.jsonl.
    revision : str or None
        The commit of a hub snapshot.
    """

    path: str
    files: tuple[Path, ...]
    revision: str | None = None


def locate(
    path: str | Path | Sequence[str],
    *,
    config: str | None = None,
    split: str | Sequence[str] | None = None,
    revision: str | None = None,
    base: str | Path | None = None,
) -> Source:
    """Find a data set on disk, without network.

    Parameters
    ----------
    path : str, Path or sequence of str
        A *.parquet or *.jsonl file, a pattern with `*`, a folder, or a hub id; of several
        the first that is there.
    config, split : optional
        Which files of a folder or hub snapshot; see `prunegrid.data.splits.choose`.
    revision : str, optional
        Commit, branch or tag of a hub id.
    base : path, optional
        Folder against which relative paths resolve; default the working directory.

    Raises
    ------
    DataError
        If it is not there (NotDownloadedError for a hub id, naming `snakemake download`), or if a file of it
        is a link that leads nowhere, or lies below a link to a folder.
    """
    candidates = [str(path)] if isinstance(path, (str, Path)) else [str(one) for one in path]
    for candidate in candidates:
        files = _local(candidate, base, config, split)
        if files:
            return Source(candidate, tuple(files))
    hub_ids = [candidate for candidate in candidates if hub.is_hub_id(candidate)]
    for repository in hub_ids:
        folder = hub.cached(repository, revision)
        if folder is not None:
            names = _choose_in(folder, config, split, where=f"{repository} ({folder})")
            return Source(repository, tuple(names), revision=folder.name)
    tried = ", ".join(candidates)
    if hub_ids:
        at = f" at revision {revision}" if revision else ""
        raise NotDownloadedError(
            f"{tried}: no such file or folder here, and not in the hub cache{at}: run `snakemake download` "
            "once where there is a network, or set `path` to local Parquet files"
        )
    raise DataError(f"{tried}: no such file or folder in {Path(base or '.').resolve()}{_hint(candidates)}")


def _hint(candidates: Sequence[str]) -> str:
    """Say which endings are read if a file of another one is asked for."""
    odd = [path for path in candidates if hub.names_file(path) and not path.endswith(ENDINGS)]
    return f" (and a file must be {_READ})" if odd else ""


def _local(
    path: str, base: str | Path | None, config: str | None, split: str | Sequence[str] | None
) -> list[Path]:
    full = Path(base or ".", expanded(path))
    if os.path.isdir(full):  # noqa: PTH112  (a path too long for a name is none)
        return _choose_in(full, config, split, where=str(full))
    files = [full]
    if not is_regular_file(full):
        files = _matching(full)
    for file in files:
        if not is_regular_file(file):
            raise DataError(f"{file}: must be a file, is a folder, device or pipe")
    endings = {file.suffix for file in files}
    if len(endings) > 1 or endings - set(ENDINGS):
        raise DataError(f"{full}: must be {_READ}, found {' and '.join(map(repr, sorted(endings)))}")
    return files


def _choose_in(folder: Path, config: str | None, split: str | Sequence[str] | None, where: str) -> list[Path]:
    names = [file.relative_to(folder).as_posix() for file in _files_in(folder)]
    chosen = [folder / name for name in choose(names, config=config, split=split, where=where)]
    for file in chosen:
        _check_links(file, folder)
    return chosen


def _check_links(file: Path, folder: Path) -> None:
    """Refuse a file that is a link to nothing, or that a link to a folder leads to."""
    if leads_nowhere(file):
        fault = f"{file} is a link to {file.readlink()}, which is not there"
        hub.check_snapshot(folder, fault)
        raise DataError(f"{fault}: put the file there, or remove the link")
    below = file.relative_to(folder).parents
    if link := next((folder / name for name in below if name.name and (folder / name).is_symlink()), None):
        raise DataError(
            f"{link} is a link to a folder, {link.readlink()}, and holds {file.name}: links to folders are "
            f"not read; put the folder itself there, links to its files, or set `path` to {link}"
        )


def _matching(pattern: Path) -> list[Path]:
    """Return what a pattern names; a folder that is there stands for itself, brackets in its name too."""
    here = next(folder for folder in pattern.parents if os.path.isdir(folder))  # noqa: PTH112
    names = glob.glob(str(pattern.relative_to(here)), root_dir=here, recursive=True)  # noqa: PTH207
    return [here / name for name in sorted(names)]


def _files_in(folder: Path, outside: frozenset[str] = frozenset()) -> list[Path]:
    """Return the data files of a folder; Spark writes folders of such names, with files in them.

    Links that lead nowhere are among them, and what lies behind links to folders, to be refused by name: left
    out, a set would be smaller without a word. `outside` are the folders whose links led here.
    """
    outside |= {os.path.realpath(folder)}
    found = []
    for below, subfolders, names in os.walk(folder):
        files = (Path(below, name) for name in names if name.endswith(ENDINGS))
        found += [file for file in files if is_regular_file(file) or leads_nowhere(file)]
        links = (Path(below, name) for name in subfolders if not name.startswith("."))
        for link in links:
            if link.is_symlink() and os.path.realpath(link) not in outside:
                found += _files_in(link, outside)
    return found
