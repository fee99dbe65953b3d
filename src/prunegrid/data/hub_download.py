"""Download models and data sets into the Hugging Face hub's cache, and verify files by their checksums.

The hub's own client does the transfer: a connection that drops goes on within the file, a run that was killed
begins with the file at which it stopped. This is the only module that uses a network; adapters and models
read the cache (`prunegrid.data.hub`).
"""

import glob
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from prunegrid.data.splits import choose
from prunegrid.errors import DataError

_LOG = logging.getLogger(__name__)

# Weights as safetensors alone, configuration, tokenizer, processor and chat template.
_MODEL_FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
# Between two lines that tell how far a download is.
_SECONDS = 10.0


def fetch_model(repository: str, revision: str | None, *, remote_code: bool = False) -> Path:
    """Fetch a model's weights (safetensors alone), configuration and processor.

    Parameters
    ----------
    repository : str
        Hub id.
    revision : str or None
        Commit, branch or tag; None is the main branch.
    remote_code : bool
        Whether its own code is fetched too, for `trust_remote_code`.

    Returns
    -------
    Path
        The snapshot folder, named after the commit.

    Raises
    ------
    DataError
        If it cannot be fetched, or a file is not what the hub says.
    """
    patterns = (*_MODEL_FILES, "*.py") if remote_code else _MODEL_FILES

    def choose_files(names: Collection[str]) -> list[str]:
        wanted = [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]
        if not any(name.endswith(".safetensors") for name in wanted):
            raise DataError(f"{repository}: holds no *.safetensors; weights are read from nothing else")
        return wanted

    return _fetch(_Listing("model", repository, revision), choose_files)


def fetch_data(
    repositories: Sequence[str],
    *,
    config: str | None = None,
    split: str | Sequence[str] | None = None,
    revision: str | None = None,
) -> Path:
    """Fetch the files of one configuration and split of a data set.

    Parameters
    ----------
    repositories : sequence of str
        Hub ids; the first that exists is taken, since repositories have moved before.
    config, split : optional
        As in `prunegrid.data.splits.choose`.
    revision : str, optional
        Commit, branch or tag.

    Returns
    -------
    Path
        The snapshot folder, named after the commit.

    Raises
    ------
    DataError
        If none of the repositories can be fetched, or a file is not what the hub says.
    """
    faults = []
    for repository in repositories:
        try:
            listing = _Listing("dataset", repository, revision)
        except DataError as error:
            faults.append(str(error))
            continue
        return _fetch(listing, partial(choose, config=config, split=split, where=repository))
    raise DataError("\n".join(faults))


class _Listing:
    """The files of a repository at one commit, as the hub tells them."""

    def __init__(self, kind: str, repository: str, revision: str | None) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        self.kind, self.repository = kind, repository
        self.api = HfApi()
        with _explained(repository):
            # Resolved once: a branch that moves meanwhile does not mix two commits.
            self.revision = self.api.resolve_revision(repository, repo_type=kind, revision=revision)
            tree = self.api.list_repo_tree(
                repository, repo_type=kind, recursive=True, revision=self.revision.resolved
            )
            self.sizes = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}


def _fetch(listing: _Listing, choose_files: Callable[[Collection[str]], list[str]]) -> Path:
    from huggingface_hub import snapshot_download

    names = choose_files(list(listing.sizes))
    commit, total = listing.revision.resolved, sum(listing.sizes[name] for name in names)
    _LOG.info(f"{listing.repository} at {commit}: {len(names)} files, {_size(total)}")

    def load() -> Path:
        with _explained(listing.repository):
            folder = snapshot_download(
                listing.repository,
                repo_type=listing.kind,
                revision=listing.revision,
                allow_patterns=[glob.escape(name) for name in names],
                tqdm_class=_progress(),
            )
        return Path(folder)

    folder = load()
    faults = _faults(listing, names)
    if faults:
        _LOG.info(f"{listing.repository}: fetching {', '.join(faults)} again: not what the hub says")
        for name in faults:
            # The link's target too: it would be taken for the file that it is not.
            for file in ((folder / name).resolve(), folder / name):
                file.unlink(missing_ok=True)
        load()
        faults = _faults(listing, names)
    if faults:
        told = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        raise DataError(
            f"{listing.repository} at {commit} in {folder}: {told}. Run it again, or remove the folder"
        )
    _LOG.info(f"{listing.repository}: verified {len(names)} files by checksum")
    return folder


def _faults(listing: _Listing, names: Collection[str]) -> dict[str, str]:
    """Return file -> what is wrong with it, by the hub's checksums."""
    with _explained(listing.repository):
        found = listing.api.verify_repo_checksums(
            listing.repository, repo_type=listing.kind, revision=listing.revision.resolved
        )
    faults = {name: "is missing" for name in found.missing_paths if name in names}
    for wrong in found.mismatches:
        if wrong["path"] in names:
            faults[wrong["path"]] = f"{wrong['algorithm']} is {wrong['actual']}, must be {wrong['expected']}"
    return faults


@contextmanager
def _explained(repository: str) -> Iterator[None]:
    """Turn any error of the hub's client into one line that names the repository.

    The client lets through errors of its own, of the HTTP library and of the operating system.
    """
    try:
        yield
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise DataError(f"{repository}: {type(error).__name__}: {' '.join(lines[:3])}") from error


def _progress() -> type:
    """Return the hub's progress bar that logs a line now and then, for where no bar is shown."""
    from huggingface_hub.utils.tqdm import tqdm

    class Progress(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self._counts_bytes = options.get("name") == "huggingface_hub.snapshot_download"
            self._done, self._logged, self._lock_done = options.get("initial", 0), time.monotonic(), Lock()
            super().__init__(*args, **options)

        def update(self, n: float | None = 1) -> bool | None:
            with self._lock_done:
                self._done += n or 0
                now = time.monotonic()
                if self._counts_bytes and now - self._logged >= _SECONDS:
                    self._logged = now
                    _LOG.info(f"{_size(self._done)} of {_size(self.total or 0)}")
            shown: bool | None = super().update(n)
            return shown

    return Progress


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e7 else f"{n_bytes / 1e6:.2f} MB"
