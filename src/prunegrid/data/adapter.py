"""Base class of benchmark adapters: reads rows of a data set as samples, with ids, images and broken rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from prunegrid.data import hub
from prunegrid.data.image_ids import Shown, shown_before
from prunegrid.data.images import ImageReader, Picture, image_files, joint_digest
from prunegrid.data.prompt_texts import LETTERS
from prunegrid.data.rows import Row, Rows
from prunegrid.data.sources import Source, locate
from prunegrid.data.split_rows import SplitRows
from prunegrid.errors import ConfigError, DataError
from prunegrid.files import expanded, is_regular_file, is_there
from prunegrid.nearest import nearest
from prunegrid.plugins import Plugin

# Keys of a benchmark's specification that every adapter takes; `metrics` is for its scorer and
# `jobs_per_bundle` for the plan.
KEYS = (
    "adapter", "path", "config", "split", "revision", "limit", "sample", "prompt", "columns",
    "max_new_tokens", "metrics", "jobs_per_bundle",
)  # fmt: skip
YES_NO = ("yes", "no")


@dataclass(frozen=True)
class Sample:
    """One question about an image, or about several.

    Attributes
    ----------
    sample_id : str
        Unique in its benchmark.
    image_id : str
        The data set's own, else the SHA-256 of the decoded image, or of the hashes of several;
        `undecoded-<sample_id>` if there is neither.
    image : Image or None
        Upright RGB, maybe shared with other samples; None if it, or one of several, cannot be decoded.
    prompt : str
        The user's text, before the model's chat template.
    question : str
        The data set's question; empty for captions.
    choices : tuple of str or None
        The options of a multiple-choice question.
    answer : str or None
        A letter, yes or no, or text.
    references : tuple of str or None
        Captions, or the answers of several people.
    document : str or None
        All of the row but its pictures, as JSON, where the scorer needs more than an answer.
    error : str or None
        What is wrong with a broken row: it becomes an error row and is not shown to the model.
    more_images : tuple of Image
        Those after the first, where a question is about several.
    """

    sample_id: str
    image_id: str
    image: Image.Image | None
    prompt: str
    question: str
    choices: tuple[str, ...] | None = None
    answer: str | None = None
    references: tuple[str, ...] | None = None
    error: str | None = None
    document: str | None = None
    more_images: tuple[Image.Image, ...] = ()

    @property
    def images(self) -> tuple[Image.Image, ...]:
        """All of its images, in their order; none where one cannot be decoded."""
        return () if self.image is None else (self.image, *self.more_images)


@dataclass(frozen=True)
class Task:
    """Prompt, question, choices and answers that an adapter reads from a row; attributes as in `Sample`."""

    prompt: str
    question: str = ""
    choices: tuple[str, ...] | None = None
    answer: str | None = None
    references: tuple[str, ...] | None = None
    document: str | None = None


class Adapter(Plugin):
    """Base class of adapters. A subclass states its columns and defines `task`.

    Parameters
    ----------
    spec : mapping
        Keys `KEYS` and the leaf's `options`: `path` (hub id, folder, *.parquet, *.jsonl, or a list of which
        the first is taken that is there), `config`, `split`, `revision`; `limit` (the first n rows, or with
        `sample: seed` n rows drawn at random, in order); `prompt` (a variant); `columns` (name here -> name
        in the file); `max_new_tokens`; not used here are `metrics` (for the scorer) and
        `jobs_per_bundle` (for the plan).
    base : path, optional
        Folder against which a relative path resolves; default the working directory.

    Raises
    ------
    ConfigError
        For an unknown key or value, with the valid ones.

    Class attributes
    ----------------
    scorer : str
        Name of a file in `scorers/`.
    max_new_tokens : int
        Length of an answer; `variant_tokens` has that of prompt variants which differ.
    free_text : bool
        The answer is a sentence: a gradient is taken of all of it.
    split_by : str
        A column of lists: each entry is a sample of its own, and stands in the row in place of the list.
    several_images : bool
        The column `image` may hold a list of several, and may be called `images`.
    prompts : tuple of str
        Valid prompt variants, the default first.
    hub_ids, hub_config, hub_split
        Where the published data set lies: defaults of `path`, `config` and `split`.
    published_samples : int, optional
        How many it has.
    required_columns, optional_columns : dict
        Column -> type family (`prunegrid.data.columns.FAMILIES`).
    one_of_columns : tuple of str
        Optional columns of which at least one is needed.
    id_columns : tuple of str
        Columns that `sample_id` reads.
    options : dict
        Further keys -> valid values, the default first; without any, the value is any text.
    scorer_keys : tuple of str
        Those of `options` that the scorer takes, too.
    scored_keys : tuple of str
        Those of `options` that the scorer alone takes: no prediction depends on them.
    finds_data : bool
        Whether the options say where the published data set lies: `hub_ids` is not asked.
    """

    scorer: ClassVar[str]
    max_new_tokens: int
    free_text: ClassVar[bool] = False
    split_by: ClassVar[str] = ""
    several_images: ClassVar[bool] = False
    prompts: ClassVar[tuple[str, ...]] = ("default",)
    variant_tokens: ClassVar[dict[str, int]] = {}
    hub_ids: ClassVar[tuple[str, ...]] = ()
    hub_config: ClassVar[str | None] = None
    hub_split: ClassVar[str | None] = None
    published_samples: ClassVar[int | None] = None
    required_columns: ClassVar[dict[str, str]]
    optional_columns: ClassVar[dict[str, str]] = {}
    one_of_columns: ClassVar[tuple[str, ...]] = ()
    id_columns: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[dict[str, tuple[str, ...]]] = {}
    scorer_keys: ClassVar[tuple[str, ...]] = ()
    scored_keys: ClassVar[tuple[str, ...]] = ()
    finds_data: ClassVar[bool] = False

    def __init__(self, spec: Mapping[str, Any], base: str | Path | None = None) -> None:
        self.name = type(self).__module__.rsplit(".", 1)[-1]
        self.spec = dict(spec)
        self._base = base
        self._rows: Rows | None = None
        self._ids: list[str] | None = None
        self._image_ids: list[str | None] | None = None
        self._images = ImageReader()
        self._check_spec()
        self.prompt: str = self.spec.get("prompt", self.variants()[0])
        variant = self.variant_tokens.get(self.prompt, type(self).max_new_tokens)
        self.max_new_tokens = self.spec.get("max_new_tokens", variant)

    # What a leaf defines -----------------------------------------------------------------------

    def task(self, row: Row) -> Task:
        """Read the text side of a row; raise DataError if it is broken."""
        raise NotImplementedError

    def sample_id(self, row: Row) -> str:
        """Return the id of a row, here its number; raise DataError if there is none."""
        return str(row.number)

    def image_id(self, row: Row) -> str | None:
        """Return the data set's own image id, None if there is none; raise DataError if it is broken."""
        return None

    def option_words(self, sample: Sample) -> tuple[str, ...] | None:
        """Return the words whose logits at the first position are stored: letters, yes and no, or None."""
        return tuple(LETTERS[: len(sample.choices)]) if sample.choices else None

    def variants(self) -> tuple[str, ...]:
        """Return the valid prompt variants, the default first."""
        return self.prompts

    def pictures(self, row: Row) -> list[Picture]:
        """Return what a row shows: one picture, or several where the adapter takes them.

        Raises
        ------
        DataError
            If there is none, or one cannot be decoded.
        """
        value, folder = row.get("image"), row.file.parent
        if self.several_images:
            return self._images.read_all(value, folder)
        return [self._images.read(value, folder)]

    def image_columns(self) -> tuple[str, ...]:
        """Return the columns that hold pictures, which are not read where only texts are asked for."""
        return ("image",)

    def picture_columns(self) -> tuple[str, ...]:
        """Return the columns that `pictures` reads."""
        return self.image_columns()

    def n_published(self) -> int | None:
        """Return how many samples the published data set has; None where that is not known."""
        return self.published_samples

    def document(self, task: Task, pictures: Sequence[Picture]) -> str | None:
        """Return what the scorer needs beside an answer, as JSON; here what `task` returned.

        Parameters
        ----------
        task : Task
            What was read of the row.
        pictures : sequence of Picture
            What the row shows; none where one is broken.
        """
        return task.document

    @classmethod
    def for_model(cls, family: str, image_mode: str) -> dict[str, Any]:
        """Return values of keys that a specification leaves out, where they depend on the model.

        Parameters
        ----------
        family : str
            `model_type` of its config.json.
        image_mode : str
            That of its specification: `processor`, `crop` or `pad`.
        """
        return {}

    def foundation(self) -> list[Any]:
        """Return what prompts and answers depend on beside data, options and our code."""
        return []

    def scored_foundation(self) -> list[Any]:
        """Return what scores depend on beside predictions, options and our code."""
        return []

    def joined_hub_files(self) -> list[tuple[list[str], dict[str, Any]]]:
        """Return what else has to be downloaded, as `hub_files` does."""
        return []

    # What a user calls -------------------------------------------------------------------------

    def check(self) -> int:
        """Find the data and check its columns, from schemas alone; return the number of samples.

        Where rows make several samples (`split_by`), the column that says how many is read.

        Raises
        ------
        DataError
            Naming the file and the columns, or where the data was looked for.
        """
        return len(self._opened())

    def __len__(self) -> int:
        return self.check()

    def files(self) -> list[Path]:
        """Return the files that samples come from: tables, and images that they name by their path."""
        rows = self._opened()
        found = dict.fromkeys(rows.source.files)
        for name in self.image_columns():
            for row in rows.read(rows.naming_files(name), columns=(name,)):
                with suppress(DataError):
                    for named in image_files(row.values.get(name), row.file.parent):
                        found.setdefault(named)
        return [file for file in found if is_regular_file(file)]

    def shows_two_pictures(self) -> bool:
        """Return whether two of the selected rows show different pictures; reads until it finds them."""
        digests = set()
        for row in self._opened().read(columns=self.picture_columns()):
            with suppress(DataError):
                digests.add(self._digest(row))
            if len(digests) > 1:
                return True
        return False

    def hub_files(self) -> tuple[list[str], dict[str, Any]] | None:
        """Return the hub ids to try, with config, split and revision; None if the data is local.

        Raises
        ------
        DataError
            If it is neither here nor on the hub.
        """
        paths = self._paths()
        repositories = [path for path in paths if hub.is_hub_id(path) and not self._is_here(path)]
        try:
            if locate(paths, **self._where()).revision is None:
                return None
        except DataError:
            # Not here yet, or not complete: that is what a download is for.
            if not repositories:
                raise
        where = {key: value for key, value in self._where().items() if key != "base"}
        return repositories, where

    def provenance(self) -> dict[str, Any]:
        """Return what was read: path, config, split, revision (a hub set's commit), files, n."""
        rows = self._opened()
        where = self._where()
        return {
            "path": rows.source.path,
            "config": where["config"],
            "split": where["split"],
            "revision": rows.source.revision,
            "files": [file.name for file in rows.source.files],
            "n": len(rows),
        }

    def sample_ids(self) -> list[str]:
        """Return the ids of all selected rows, in order, reading no image.

        Raises
        ------
        DataError
            If two rows have one id, naming both.
        """
        if self._ids is not None:
            return list(self._ids)
        seen: dict[str, Row] = {}
        for row in self._opened().read(columns=self.id_columns):
            sample_id, _ = self._identify(row)
            if sample_id in seen:
                other = seen[sample_id]
                raise DataError(
                    f"{row.file}: row {row.number} has the sample id {sample_id!r} of row {other.number}"
                    + (f" of {other.file}" if other.file != row.file else "")
                    + ": ids must be unique"
                    + (", and all captions of a picture stand in one row" if self.free_text else "")
                )
            seen[sample_id] = Row(row.number, row.file, {})
        self._ids = list(seen)
        return list(self._ids)

    def texts(self) -> list[str]:
        """Return the distinct prompts of all selected rows that have one, in order, reading no image."""
        rows = self._opened()
        found: dict[str, None] = {}
        for row in rows.read(columns=sorted(rows.present - {*self.image_columns()})):
            with suppress(DataError):
                found.setdefault(self.task(row).prompt)
        return list(found)

    def samples(self, positions: Sequence[int] | None = None) -> Iterator[Sample]:
        """Yield samples in order, each image decoded when its sample is asked for.

        Parameters
        ----------
        positions : sequence of int, optional
            Ascending positions among the selected rows (say, one shard of a cell); default all. Other
            rows are not decoded.

        Raises
        ------
        DataError
            If the data cannot be read or ids repeat. A broken row becomes a sample with `error`.
        """
        self.sample_ids()
        rows = self._opened()
        shown: Shown = {}
        if positions is not None:
            # What is wrong with a row must not depend on the rows that are asked for with it.
            shown = shown_before(rows, positions, self._own_image_ids(), self._digest)
        for row in rows.read(positions):
            yield self._sample(row, shown)

    # ---------------------------------------------------------------------------------------------

    def _own_image_ids(self) -> list[str | None]:
        """Return the data set's own image id of every selected row, None where there is none."""
        if self._image_ids is None:
            rows, self._image_ids = self._opened(), []
            for row in rows.read(columns=sorted(rows.present - {*self.image_columns()})):
                image_id = None
                with suppress(DataError):
                    image_id = self.image_id(row)
                self._image_ids.append(image_id)
        return self._image_ids

    def _sample(self, row: Row, shown: Shown) -> Sample:
        sample_id, fault = self._identify(row)
        faults = [fault] if fault else []
        task, image_id = Task("", str(row.values.get("question") or "")), None
        pictures: list[Picture] = []
        try:
            task = self.task(row)
        except DataError as error:
            faults.append(str(error))
        try:
            image_id = self.image_id(row)
        except DataError as error:
            faults.append(str(error))
        try:
            pictures = self.pictures(row)
        except DataError as error:
            faults.append(str(error))
        own = joint_digest([picture.digest for picture in pictures]) if pictures else None
        # Samples of one image_id share their vision features.
        if image_id is not None and own is not None:
            digest, first = shown.setdefault(image_id, (own, row.number))
            if digest != own:
                faults.append(f"image_id {image_id!r} is that of another picture, in row {first}")
        if image_id is None:
            image_id = own or f"undecoded-{sample_id}"
        images = [picture.image for picture in pictures]
        return Sample(
            sample_id,
            image_id,
            images[0] if images else None,
            task.prompt,
            task.question,
            task.choices,
            task.answer,
            task.references,
            f"row {row.number}: {'; '.join(dict.fromkeys(faults))}" if faults else None,
            self.document(task, pictures),
            tuple(images[1:]),
        )

    def _digest(self, row: Row) -> str:
        """Return what tells the pictures of a row from others."""
        return joint_digest([picture.digest for picture in self.pictures(row)])

    def _identify(self, row: Row) -> tuple[str, str | None]:
        try:
            return self.sample_id(row), None
        except DataError as error:
            return f"row-{row.number}", str(error)

    def _opened(self) -> Rows:
        if self._rows is None:
            source = locate(self._paths(), **self._where())
            rows = self._rows_of(source)
            if self.one_of_columns and not rows.present & set(self.one_of_columns):
                raise DataError(
                    f"{source.files[0]}: missing columns: one of {', '.join(self.one_of_columns)}. "
                    f"Found: {', '.join(rows.found)}"
                )
            self._rows = rows
        return self._rows

    def _rows_of(self, source: Source) -> Rows:
        how: dict[str, Any] = {
            "rename": self.spec.get("columns"),
            "aliases": {"image": "images"} if self.several_images else None,
            "limit": self.spec.get("limit"),
            "limit_seed": self.spec.get("sample"),
        }
        if self.split_by:
            return SplitRows(source, self.required_columns, self.optional_columns, by=self.split_by, **how)
        return Rows(source, self.required_columns, self.optional_columns, **how)

    def _is_here(self, path: str) -> bool:
        return is_there(Path(self._base or ".", expanded(path)))

    def _paths(self) -> list[str]:
        path = self.spec.get("path") or list(self.hub_ids)
        return [str(path)] if isinstance(path, (str, Path)) else list(path)

    def _where(self) -> dict[str, Any]:
        return {
            "config": self.spec.get("config") or self.hub_config,
            "split": self.spec.get("split") or self.hub_split,
            "revision": self.spec.get("revision"),
            "base": self._base,
        }

    def _check_spec(self) -> None:
        here = f"benchmark adapter {self.name!r}"
        valid = (*KEYS, *self.options)
        for key in self.spec:
            if key not in valid:
                raise ConfigError(f"{here}: unknown key {key!r}: {nearest(key, valid)}")
        for key, values in {"prompt": self.variants(), **self.options}.items():
            value = self.spec.get(key, values[0] if values else None)
            if values and value not in values:
                raise ConfigError(f"{here}: unknown {key} {value!r}: {nearest(value, values)}")
        for key, least in (("limit", 1), ("max_new_tokens", 1), ("sample", 0)):
            value = self.spec.get(key)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise ConfigError(f"{here}: {key} is {value!r}, must be a whole number of at least {least}")
        if self.spec.get("sample") is not None and self.spec.get("limit") is None:
            raise ConfigError(f"{here}: `sample` is the seed of a random sample and needs `limit`, its size")
        names = {*self.required_columns, *self.optional_columns}
        for name in self.spec.get("columns") or {}:
            if name not in names:
                raise ConfigError(f"{here}: columns: unknown column {name!r}: {nearest(name, names)}")
        if not self._paths():
            raise ConfigError(f"{here}: `path` is missing: a hub id, a folder, *.parquet or *.jsonl")


def choices_of(row: Row, name: str = "choices") -> tuple[str, ...]:
    """Return the options of a multiple-choice row, as many as there are letters."""
    choices = row.texts(name)
    if len(choices) > len(LETTERS):
        raise DataError(f"{name} has {len(choices)} options, at most {len(LETTERS)} have a letter")
    return choices


def letter_of(index: int, choices: Sequence[str], name: str) -> str:
    """Return the letter of the choice numbered from 0; `name` is the column, for the message."""
    if not 0 <= index < len(choices):
        raise DataError(f"{name} is {index}, must be 0 to {len(choices) - 1}")
    return LETTERS[index]
