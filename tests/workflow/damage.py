"""Damage to single files of a study: a bit, a byte or an end is lost, with and without a new time stamp."""

import os
import random
import re
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# What a run leaves in its folder, beside the project itself.
LEFT = ("results", "resources", ".snakemake")
# What a file is, by the first expression that its path begins with.
KINDS = {
    "shard": r"results/[^/]+/[^/]+/\.store/[^/]+\.shards-",
    "checksum": r"results/[^/]+/[^/]+/\.store/.*checksums?\.json",
    "scores in the store": r"results/[^/]+/[^/]+/\.store/scores/",
    "predictions in the store": r"results/[^/]+/[^/]+/\.store/[^/]+\.parquet",
    "marker": r"results/[^/]+/\.jobs/",
    "features": r"results/[^/]+/\.features/",
    "seal": r"results/.*checksums\.json",
    "table": r"results/[^/]+/tables/",
    "figure": r"results/[^/]+/figures/",
    "samples": r"results/[^/]+/gallery/",
    "page": r"results/report\.html",
    "log": r"results/logs/",
    "published file": r"results/.*/seed-\d+/",
    "data": r"resources/.*\.parquet",
    "cache": r"\.snakemake/prunegrid-",
    "Snakemake's record": r"\.snakemake/(metadata|incomplete)/",
}


@dataclass(frozen=True)
class Damage:
    """One damaged file.

    Attributes
    ----------
    kind : str
        Of the file, one of KINDS.
    file : str
        Relative to the study's folder.
    what : str
        `bit`: one bit is another one; `byte`: one byte is; `end`: the file ends before `place`.
    place : int
        In bytes.
    mask : int
        What the byte there is combined with, by exclusive or.
    stamp_kept : bool
        Whether the time stamp stays, as with a disk that loses a bit.
    replaced : bool
        Whether another file takes the name, so that hard links of the old one stay whole.
    alone : bool
        Whether figures, samples and page, which are made of results, stay; else they are removed.
    """

    kind: str
    file: str
    what: str
    place: int
    mask: int
    stamp_kept: bool
    replaced: bool
    alone: bool

    def do(self, folder: Path) -> None:
        """Damage the file of a study in a folder."""
        file = folder / self.file
        stat, content = file.stat(), bytearray(file.read_bytes())
        if self.what == "end":
            del content[self.place :]
        else:
            content[self.place] ^= self.mask
        if self.replaced:
            file.unlink()
        file.write_bytes(content)
        if self.stamp_kept:
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def damage(folder: Path, damages: Collection[Damage]) -> None:
    """Damage files of a study in a folder."""
    for one in damages:
        one.do(folder)
    if not all(one.alone for one in damages):
        for _, drawn in [*_files(folder, ("figure", "samples", "page"))]:
            drawn.unlink()


def draw(folder: Path, number: int) -> Damage:
    """Draw one damage to what lies in a study's folder: each kind of file is as likely as any."""
    rng = random.Random(f"damage {number}")
    kinds: dict[str, list[Path]] = {}
    for kind, file in _files(folder):
        if file.stat().st_size:
            kinds.setdefault(kind, []).append(file)
    kind = rng.choice(sorted(kinds))
    file = rng.choice(sorted(kinds[kind]))
    size = file.stat().st_size
    what = rng.choice(["bit"] * 5 + ["byte"] * 3 + ["end"] * 2)
    place = rng.choice([0, 1, size // 2, size - 1]) if what == "end" else rng.randrange(size)
    stamp_kept = rng.random() < 0.4
    return Damage(
        kind=kind,
        file=str(file.relative_to(folder)),
        what=what,
        place=place,
        mask=1 << rng.randrange(8) if what == "bit" else rng.randrange(1, 256),
        stamp_kept=stamp_kept,
        replaced=rng.random() < 0.25,
        alone=not stamp_kept or rng.random() < 0.5,
    )


def draw_kinds(folder: Path, number: int, **wanted: bool) -> dict[str, Damage]:
    """Draw one damage to a file of each kind that lies in a study's folder, of attributes that are wanted.

    Parameters
    ----------
    folder : Path
    number : int
        Of the first draw.
    wanted : bool
        `stamp_kept`, `replaced` or `alone` of every damage.
    """
    found: dict[str, Damage] = {}
    missing = {kind for kind, file in _files(folder) if file.stat().st_size}
    while missing:
        one = draw(folder, number)
        number += 1
        if one.kind in missing and wanted.items() <= one.as_dict().items():
            missing.remove(one.kind)
            found[one.kind] = one
    return found


def _files(folder: Path, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[tuple[str, Path]]:
    """Yield kind and path of the files that are of one of some kinds."""
    for part in LEFT:
        for file in sorted((folder / part).rglob("*")):
            name = str(file.relative_to(folder))
            kind = next((kind for kind, begin in KINDS.items() if re.match(begin, name)), None)
            if kind in kinds and file.is_file():
                yield str(kind), file
