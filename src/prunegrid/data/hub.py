"""The Hugging Face hub: downloading is a step of its own, reading uses the cache and no network."""

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from prunegrid.data.splits import ENDINGS, choose
from prunegrid.errors import DataError

_MODEL_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
_HUB_ID = re.compile(r"^\w[\w.-]*/\w[\w.-]*$")


def is_hub_id(path: str) -> bool:
    """Tell whether `path` has the form owner/name of a data set on the hub."""
    return bool(_HUB_ID.match(path)) and not path.endswith(ENDINGS)


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


def download_model(repository: str, revision: str | None = None) -> Path:
    """Fetch a model's weights (safetensors alone), configuration and processor into the hub cache.

    Raises
    ------
    DataError
        If the repository cannot be fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=_MODEL_FILES))
    except (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, OSError) as error:
        raise DataError(f"cannot download the model {repository}: {str(error).splitlines()[0]}") from error


def download(
    path: str | Sequence[str],
    *,
    config: str | None = None,
    split: str | Sequence[str] | None = None,
    revision: str | None = None,
) -> Path:
    """Fetch the files of one configuration and split into the hub cache, resuming and verifying.

    Parameters
    ----------
    path : str or sequence of str
        Hub ids; the first that exists is taken, since repositories have moved before.
    config, split, revision : optional
        As in `choose`; revision is a commit, branch or tag.

    Returns
    -------
    Path
        The snapshot folder.

    Raises
    ------
    DataError
        If none of the repositories can be fetched.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    faults = []
    for repository in [path] if isinstance(path, str) else path:
        try:
            siblings = HfApi().dataset_info(repository, revision=revision).siblings or []
        except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
            faults.append(f"{repository}: {str(error).strip().splitlines()[0]}")
            continue
        names = choose([file.rfilename for file in siblings], config=config, split=split, where=repository)
        patterns = [glob.escape(name) for name in names]
        return Path(
            snapshot_download(repository, repo_type="dataset", revision=revision, allow_patterns=patterns)
        )
    raise DataError("cannot download the data set:\n" + "\n".join(faults))
