"""Any task of lmms-eval that needs no judge, network or upload: its prompts, on data that we read."""

import base64
import datetime
import json
from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from PIL import Image

from prunegrid.data.adapter import Adapter, Sample, Task
from prunegrid.data.columns import is_stored_image
from prunegrid.data.images import Picture, check_size
from prunegrid.data.rows import Row, Rows
from prunegrid.data.sources import Source, locate
from prunegrid.errors import ConfigError, DataError
from prunegrid.lmms_tasks.task import JOINED, LmmsTask, task_of

# The owner of most data sets was renamed in July 2026: whichever name is there is taken.
_OWNERS = ("lmms-lab-encoder/", "lmms-lab/")
# Joined pictures kept as they are stored: GQA's 398 fit, some 25 MB, and 12,578 questions are about them. To
# read one again takes reading the row group that it is in.
_MOST_ENCODED = 512


class LmmsEval(Adapter):
    """A row is a document of the task `task`; the prompt variants are its file's, the default first.

    The sample id is the row's number. Samples about one picture are a cluster, whatever the task calls them.
    """

    scorer = "lmms_eval"
    max_new_tokens = 1024
    options: ClassVar[dict[str, tuple[str, ...]]] = {"task": (), "include_path": ()}
    scorer_keys: ClassVar[tuple[str, ...]] = ("task", "include_path")
    finds_data = True
    required_columns: ClassVar[dict[str, str]] = {}

    def __init__(self, spec: Mapping[str, Any], base: str | Path | None = None) -> None:
        if not isinstance(spec.get("task"), str):
            raise ConfigError(
                "benchmark adapter 'lmms_eval': `task` is missing: the name of a task of lmms-eval"
            )
        self.lmms_task: LmmsTask = task_of(spec["task"], spec.get("include_path"))
        self._encoded: OrderedDict[str, tuple[Any, Path]] = OrderedDict()
        super().__init__(spec, base)
        self.max_new_tokens = self.spec.get("max_new_tokens", self.lmms_task.max_new_tokens)

    def variants(self) -> tuple[str, ...]:
        """Return `default`, and the model families that the task has prompts for."""
        return self.lmms_task.variants

    def foundation(self) -> list[Any]:
        """Return the release of lmms-eval, and the contents of the task's files."""
        return self.lmms_task.state()

    def task(self, row: Row) -> Task:
        """Read a document: the task's own prompt and gold answer."""
        document = self._document(row)
        prompt = self.lmms_task.prompt(document, self.prompt)
        target = self.lmms_task.target(document)
        question = document.get("question")
        return Task(
            prompt,
            question if isinstance(question, str) else "",
            answer=_as_answer(target) if target != self.lmms_task.settings.get("doc_to_target") else None,
            references=_people(document.get("answers")),
            document=json.dumps(document, default=_as_json, ensure_ascii=False),
        )

    def option_words(self, sample: Sample) -> tuple[str, ...] | None:
        """Return None: tasks do not tell which words are options."""
        return None

    def pictures(self, row: Row) -> list[Picture]:
        """Return the pictures that the task shows of a document, in its order."""
        document = self._document(row, pictures=True)
        shown = self.lmms_task.pictures(document, self.prompt)
        if not shown:
            raise DataError(f"task {self.lmms_task.name!r} shows no picture")
        for image in shown:
            if not isinstance(image, Image.Image):
                kind = type(image).__name__
                raise DataError(f"task {self.lmms_task.name!r} shows {kind}, must be pictures")
            check_size(*image.size)
        return [Picture(image.convert("RGB")) for image in shown]

    def image_columns(self) -> tuple[str, ...]:
        """Return the columns that hold pictures, by their types."""
        types = self._opened().types
        return tuple(name for name, kind in types.items() if is_stored_image(name, kind))

    def picture_columns(self) -> tuple[str, ...]:
        """Return all: which pictures are shown, the texts say."""
        return tuple(sorted(self._opened().present))

    def files(self) -> list[Path]:
        """Return the files of rows, and those that pictures are joined from."""
        joined = self._joined_source
        return [*super().files(), *(joined.files if joined else ())]

    def joined_hub_files(self) -> list[tuple[list[str], dict[str, Any]]]:
        """Return the hub ids, configuration and split that pictures are joined from."""
        join = JOINED.get(self.lmms_task.name)
        found = self.hub_files()
        if join is None or found is None:
            return []
        repositories, where = found
        return [(repositories, {**where, "config": join[0], "split": join[1]})]

    def _document(self, row: Row, *, pictures: bool = False) -> dict[str, Any]:
        """Return a row as the task's document; its pictures decoded, or left out."""
        if row.error:
            raise DataError(row.error)
        columns = set(self.image_columns())
        document = {name: value for name, value in row.values.items() if name not in columns}
        if pictures:
            for name in columns & set(row.values):
                document[name] = self._decoded(row.values[name], row.file.parent)
            document |= self._joined_picture(document)
        found = self.lmms_task.documents(document)
        if len(found) != 1:
            raise DataError(
                f"task {self.lmms_task.name!r} makes {len(found)} documents of a row, must be one"
            )
        return found[0]

    def _decoded(self, value: Any, folder: Path) -> Any:
        """Return Pillow's image of a cell, a list of them, or None where there is none."""
        if isinstance(value, list):
            return [self._decoded(one, folder) for one in value]
        return None if value is None else self._images.read(value, folder).image

    # Pictures of another configuration ------------------------------------------------------------

    @cached_property
    def _joined_source(self) -> Source | None:
        join = JOINED.get(self.lmms_task.name)
        if join is None or join[4] in self._opened().present:
            return None
        return locate(self._paths(), **{**self._where(), "config": join[0], "split": join[1]})

    @cached_property
    def _joined_rows(self) -> tuple[Rows, dict[str, int]] | None:
        """Return the rows that pictures are joined from, and the position of each picture's name."""
        if self._joined_source is None:
            return None
        _, _, _, name, column = JOINED[self.lmms_task.name]
        rows = Rows(self._joined_source, {name: "text or integer", column: "image"})
        return rows, {str(row.get(name)): at for at, row in enumerate(rows.read(columns=(name,)))}

    def _joined_picture(self, document: Mapping[str, Any]) -> dict[str, Any]:
        if self._joined_rows is None:
            return {}
        (rows, places), (_, _, key, name, column) = self._joined_rows, JOINED[self.lmms_task.name]
        asked = str(document.get(key))
        if asked not in places:
            raise DataError(f"{key} is {document.get(key)!r}, and {rows.source.path} has no such {name}")
        if asked not in self._encoded:
            (row,) = rows.read([places[asked]], columns=(column,))
            self._encoded[asked] = (row.get(column), row.file.parent)
            while len(self._encoded) > _MOST_ENCODED:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(asked)
        return {column: self._decoded(*self._encoded[asked])}

    # Where the data lie ---------------------------------------------------------------------------

    def _rows_of(self, source: Source) -> Rows:
        return Rows(
            source,
            self.required_columns,
            limit=self.spec.get("limit"),
            limit_seed=self.spec.get("sample"),
            all_columns=True,
        )

    def _paths(self) -> list[str]:
        path = self.spec.get("path")
        if path:
            return [str(path)] if isinstance(path, (str, Path)) else list(path)
        published = str(self.lmms_task.settings.get("dataset_path") or "")
        owner = next((one for one in _OWNERS if published.startswith(one)), None)
        if owner is None:
            return [published] if published else []
        return [published, *(one + published.removeprefix(owner) for one in _OWNERS if one != owner)]

    def _where(self) -> dict[str, Any]:
        settings = self.lmms_task.settings
        split = settings.get("test_split") or settings.get("validation_split")
        return {
            "config": self.spec.get("config") or settings.get("dataset_name"),
            "split": self.spec.get("split") or split,
            "revision": self.spec.get("revision"),
            "base": self._base,
        }


def _as_answer(target: Any) -> str | None:
    """Return a gold answer as the text that pages show: of several the first."""
    if isinstance(target, (list, tuple)):
        target = target[0] if target else None
    return None if target is None else str(target)


def _people(answers: Any) -> tuple[str, ...] | None:
    """Return the answers of several people, where a document has them as texts or as VQAv2 stores them."""
    if not isinstance(answers, list) or not answers:
        return None
    texts = [one.get("answer") if isinstance(one, dict) else one for one in answers]
    known = tuple(text for text in texts if isinstance(text, str))
    return known if len(known) == len(texts) else None


def _as_json(value: Any) -> Any:
    """Return what JSON holds for a value that it has no form for."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (datetime.date, datetime.time, pa.Scalar)):
        return str(value)
    if isinstance(value, Image.Image):
        return None
    return str(value)
