"""Find snapshots in the Hugging Face hub's cache, without a network; `data.hub_download` fills it."""

import difflib
import re
from pathlib import Path

from prunegrid.data.model_files import read_json
from prunegrid.data.splits import ENDINGS
from prunegrid.errors import ConfigError, NotDownloadedError

ADVICE = "run `snakemake download --cores 1` with this configuration once, where there is a network"

_COMMIT = re.compile("[0-9a-f]{40}")
_HUB_ID = re.compile(r"^\w[\w.-]*/\w[\w.-]*$")
# Names on the hub may have dots (`llava-1.5`), but these say that a file is meant.
_FILE_ENDINGS = frozenset(
    [
        *ENDINGS,
        *(".json", ".ndjson", ".csv", ".tsv", ".txt", ".xls", ".xlsx", ".pq", ".arrow", ".feather", ".h5"),
        *(".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz", ".pkl", ".pickle", ".yaml", ".yml"),
        *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf"),
    ]
)
# As difflib measures likeness: `.parquett` and `.jsonlines` are misspelt.
_ALIKE = 0.7


def is_hub_id(path: str) -> bool:
    """Tell whether `path` has the form owner/name of a model or data set on the hub, and no file is meant."""
    return bool(_HUB_ID.match(path)) and not names_file(path)


def names_file(path: str) -> bool:
    """Tell whether a name ends like a file, of a kind that is read here or not, also if it is misspelt."""
    ending = Path(path).suffix.lower()
    return ending in _FILE_ENDINGS or bool(difflib.get_close_matches(ending, ENDINGS, n=1, cutoff=_ALIKE))


def commit_of(folder: str | Path) -> str | None:
    """Return the commit of a folder that is a snapshot in a hub cache, else None."""
    folder = Path(folder)
    return folder.name if folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name) else None


def check_snapshot(folder: Path, fault: str) -> None:
    """Raise NotDownloadedError for what a folder lacks, if it is a snapshot: a download fetches it."""
    if commit_of(folder):
        raise NotDownloadedError(f"{fault}: {ADVICE}, it fetches what is missing")


def missing_weights(folder: Path) -> list[str]:
    """Return the weight files that a model's folder should have and has not; reads no weights.

    Raises
    ------
    ConfigError
        If the list of them is damaged.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named = read_json(index).get("weight_map")
        if not isinstance(named, dict):
            raise ConfigError(f"{index} has no weight_map: get the file again")
        return sorted({name for name in named.values() if not (folder / name).is_file()})
    return [] if any(folder.glob("*.safetensors")) else ["model.safetensors"]


def cached(repository: str, revision: str | None = None, kind: str = "dataset") -> Path | None:
    """Return the folder of a snapshot in the hub cache, or None; `kind` is dataset or model. No network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # No patterns: only one split was downloaded, and a check of the whole snapshot would fail.
        folder = snapshot_download(
            repository, repo_type=kind, revision=revision, local_files_only=True, allow_patterns=[]
        )
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return Path(folder)
