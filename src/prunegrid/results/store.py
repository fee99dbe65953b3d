"""Paths of the files of cells of one model and benchmark, by key. Imports next to nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prunegrid.files import is_whole_parquet, read_sealed

PREDICTIONS = "predictions.parquet"
SCORES = "scores.json"
SAMPLES = "scores.parquet"
CHECKSUMS = "checksums.json"
# A card shows some per cent less memory than it is sold with.
_AS_LARGE = 0.9


@dataclass(frozen=True)
class Store:
    """Folder of the cells of one model and benchmark; no rule's output: jobs add what is missing.

    Attributes
    ----------
    folder : Path
    memory_gb : float
        Memory of the devices that jobs get, in 2**30 bytes; 0 if it is not known.
    """

    folder: Path
    memory_gb: float = 0.0

    @classmethod
    def of(cls, results: str | Path, model: str, benchmark: str, memory_gb: float = 0.0) -> "Store":
        """Return the store of a model and benchmark below the folder of results."""
        return cls(Path(results, model, benchmark, ".store"), memory_gb)

    def too_large(self, key: str) -> Path:
        """Return the file that tells how many rows of a finished cell did not fit, and into what."""
        return self.folder / f"{key}.too-large.json"

    def is_to_retry(self, key: str) -> bool:
        """Return whether rows of a finished cell did not fit into devices smaller than jobs now get."""
        file = self.too_large(key)
        if not self.memory_gb or not file.exists():
            return False
        # What a damaged file does not tell is tried again.
        tried = read_sealed(file).get("memory_gb", 0.0)
        return not isinstance(tried, int | float) or tried < _AS_LARGE * self.memory_gb

    def predictions(self, key: str) -> Path:
        """Return the file of a cell's predictions."""
        return self.folder / f"{key}.parquet"

    def predictions_checksum(self, key: str) -> Path:
        """Return the file that tells what a cell's predictions were when they were finished."""
        return checksum_of(self.predictions(key))

    def scores(self, key: str) -> Path:
        """Return the folder of a cell's scores."""
        return self.folder / "scores" / key

    def shards(self, key: str, size: int) -> Path:
        """Return the folder of a cell's shards of so many samples."""
        return self.folder / f"{key}.shards-{size}"

    def all_shards(self, key: str = "*") -> list[Path]:
        """Return the folders of shards of any size, of one cell or of all."""
        return list(self.folder.glob(f"{key}.shards-*"))

    def begun(self) -> set[str]:
        """Return the keys of cells that have shards."""
        return {folder.name.partition(".")[0] for folder in self.all_shards()}

    def name(self, file: Path) -> str:
        """Return how a job's marker names one of the store's files: relative to its folder."""
        return str(file.relative_to(self.folder))

    def has_predictions(self, key: str) -> bool:
        """Return whether a cell is predicted, its file not cut short, and nothing to be tried again."""
        return is_whole_parquet(self.predictions(key)) and not self.is_to_retry(key)

    def has_scores(self, key: str) -> bool:
        """Return whether a cell is scored; the checksums are written last."""
        return (self.scores(key) / CHECKSUMS).exists()

    def has_lost(self, left: Mapping[str, Iterable[str]]) -> bool:
        """Return whether a file that a job wrote is missing or truncated; `left` is key -> files."""
        return any(
            # A finished cell has no shards any more.
            self.is_to_retry(key)
            or (not self.has_predictions(key) and not all(_is_there(self.folder / file) for file in files))
            for key, files in left.items()
        )


def checksum_of(predictions: str | Path) -> Path:
    """Return the file with the checksum of a file of predictions."""
    return Path(predictions).with_suffix(".checksum.json")


def _is_there(file: Path) -> bool:
    return is_whole_parquet(file) if file.suffix == ".parquet" else file.exists()
