"""A task: how a document becomes a prompt, pictures and a gold answer, and how an answer is scored."""

import contextlib
import copy
import inspect
import io
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any

from prunegrid.errors import ConfigError, DataError
from prunegrid.lmms_tasks import refusals
from prunegrid.lmms_tasks.functions import load
from prunegrid.lmms_tasks.installation import release, tasks_folder
from prunegrid.lmms_tasks.offline import offline
from prunegrid.lmms_tasks.published_metrics import METRICS
from prunegrid.lmms_tasks.reach import files_used
from prunegrid.lmms_tasks.substitutes import SUBSTITUTES
from prunegrid.lmms_tasks.task_files import FunctionReference, file_of, files_read, read
from prunegrid.nearest import nearest

# A task without a length: what lmms-eval's models take then.
DEFAULT_TOKENS = 1024
DEFAULT = "default"
_FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class LmmsTask:
    """One task, read from its files.

    Parameters
    ----------
    name : str
        What its file calls it.
    include_path : str, optional
        A folder of task files; default those of the installed lmms-eval.

    Attributes
    ----------
    settings : dict
        Of its file, over those of the files that it includes.

    Raises
    ------
    ConfigError
        If there is none of the name, with the nearest one; if it cannot be run here, and why; or if a package
        that it needs is missing, with the command that installs it.
    """

    def __init__(self, name: str, include_path: str | None = None) -> None:
        self.name = name
        self._folder = tasks_folder(include_path)
        self._file = file_of(self._folder, name)
        self.settings: dict[str, Any] = read(self._file)
        substitutes = SUBSTITUTES.get(name, {})
        for metric in self.settings.get("metric_list") or []:
            if metric.get("metric") in substitutes:
                inner = metric["aggregation"]
                metric["aggregation"] = FunctionReference(inner.file, substitutes[metric["metric"]])
        if why := refusals.refusal(self.settings):
            raise ConfigError(f"task {name!r} cannot be run here: {why}")
        self.metrics: list[dict[str, Any]] = refusals.scored_metrics(self.settings)
        if "process_results" not in self.settings:
            unknown = [one["metric"] for one in self.metrics if one["metric"] not in METRICS]
            if unknown:
                known = ", ".join(METRICS)
                raise ConfigError(
                    f"task {name!r} cannot be run here: metric {unknown[0]!r} is not one of {known}"
                )
        for reference in self._references():
            try:
                load(reference)
            except ConfigError as error:
                raise ConfigError(f"task {name!r}: {error}") from error

    # What it is -----------------------------------------------------------------------------------

    @property
    def variants(self) -> tuple[str, ...]:
        """Return the names of its prompts, the default first: those of model families follow."""
        told = self.settings.get("lmms_eval_specific_kwargs") or {}
        named = [name for name, value in told.items() if isinstance(value, dict) and name != DEFAULT]
        return (DEFAULT, *named)

    @property
    def max_new_tokens(self) -> int:
        """Return the length of an answer."""
        told = self.settings.get("generation_kwargs") or {}
        return int(told.get("max_new_tokens") or DEFAULT_TOKENS)

    def state(self) -> list[Any]:
        """Return what prompts and scores follow from: the release, and the contents of the files used."""
        references = [one for one in self._references() if one.file.is_file()]
        files = [*files_read(self._file), *files_used(references)]
        contents = [(file.name, file.read_text(encoding="utf-8")) for file in files]
        return [release(), self.name, contents]

    # What is asked --------------------------------------------------------------------------------

    def documents(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what a row of the data set becomes: one document, or none where the task leaves it out.

        The task's own preparation sees a data set of one row.
        """
        own = copy_of(document)
        prepare = self.settings.get("process_docs")
        if prepare is None or self.name in JOINED:
            return [own]
        return [dict(one) for one in self._call(prepare, OneRow([own]))]

    def prompt(self, document: Mapping[str, Any], variant: str = DEFAULT) -> str:
        """Return the text that is asked of a document."""
        return str(self._text_of("doc_to_text", document, self._kwargs(variant)))

    def pictures(self, document: Mapping[str, Any], variant: str = DEFAULT) -> list[Any]:
        """Return what is shown of a document, in order: images of Pillow, or what else the task shows."""
        shown = self.settings["doc_to_visual"]
        if isinstance(shown, str):
            return [document[shown]]
        function = load(shown)
        arguments = [copy_of(document)]
        if len(inspect.signature(function).parameters) > 1:
            arguments.append(self._kwargs(variant) or {})
        found = self._call(shown, *arguments)
        return list(found) if isinstance(found, (list, tuple)) else [found]

    def target(self, document: Mapping[str, Any]) -> Any:
        """Return the gold answer: a text, a number, or a list of texts."""
        told = self.settings.get("model_specific_target_kwargs")
        return self._text_of("doc_to_target", document, told.get(DEFAULT) if told else None)

    # How it is scored -----------------------------------------------------------------------------

    def results(self, document: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return metric -> what the task makes of one answer, before anything is aggregated.

        The document is a copy, as some scorers change it, and no network can be reached.
        """
        own = copy_of(document)
        filtered = self._filtered(answer, own)
        texts = filtered if isinstance(filtered, list) else [filtered]
        texts = [str(text or "").strip() for text in texts]
        scorer = self.settings.get("process_results")
        if scorer is not None:
            return dict(self._call(scorer, own, texts))
        golds = self.target(own)
        if self.settings.get("doc_to_choice") is not None:
            golds = self._text_of("doc_to_choice", own, None)[golds]
        listed = [str(gold) for gold in (golds if isinstance(golds, list) else [golds])]
        if not listed:
            raise DataError(f"task {self.name!r}: a document has no gold answer")
        return {one["metric"]: METRICS[one["metric"]](listed, texts[0], one) for one in self.metrics}

    def aggregated(self, metric: str, results: Sequence[Any]) -> Any:
        """Return what the task's own aggregation makes of results of `metric`."""
        aggregation = next(one.get("aggregation") for one in self.metrics if one["metric"] == metric)
        if not isinstance(aggregation, FunctionReference):
            raise DataError(f"task {self.name!r}: {metric} is aggregated by {aggregation!r}, no function")
        own = [copy.deepcopy(one) for one in results]
        if len(inspect.signature(load(aggregation)).parameters) < 2:
            return self._call(aggregation, own)
        with tempfile.TemporaryDirectory() as folder:
            return self._call(aggregation, own, SimpleNamespace(output_path=folder))

    # ----------------------------------------------------------------------------------------------

    def _references(self) -> list[FunctionReference]:
        """Return all functions that are called, those of metrics and filters too."""
        keys = ("doc_to_text", "doc_to_visual", "doc_to_target", "doc_to_choice", "process_results")
        found = [self.settings.get(key) for key in keys]
        if self.name not in JOINED:
            found.append(self.settings.get("process_docs"))
        found += [one.get("aggregation") for one in self.metrics]
        found += [step.get("function") for step in self._filter_steps]
        return [one for one in found if isinstance(one, FunctionReference)]

    def _kwargs(self, variant: str) -> dict[str, Any] | None:
        """Return what prompts take: of a family its own, else all, with those of `default` on top."""
        told = self.settings.get("lmms_eval_specific_kwargs")
        if told is None:
            return None
        if variant != DEFAULT:
            return dict(told[variant])
        return {**told, **(told.get(DEFAULT) or {})}

    def _text_of(self, key: str, document: Mapping[str, Any], kwargs: Any) -> Any:
        told = self.settings.get(key)
        if isinstance(told, FunctionReference):
            more = [] if kwargs is None else [kwargs]
            return self._call(told, copy_of(document), *more)
        if isinstance(told, str) and told in document:
            return document[told]
        if isinstance(told, str) and _FIELD.search(told):
            return _FIELD.sub(lambda found: str(document[found[1]]), told)
        return told

    @cached_property
    def _filter_steps(self) -> list[dict[str, Any]]:
        """Return the steps of the task's filters; of several pipelines, as in lmms-eval, the last."""
        listed = self.settings.get("filter_list") or []
        flat = [one for entry in listed for one in (entry if isinstance(entry, list) else [entry])]
        return list(flat[-1]["filter"]) if flat else []

    @cached_property
    def _filters(self) -> list[Any]:
        return [_filter(step) for step in self._filter_steps]

    def _filtered(self, answer: str, document: dict[str, Any]) -> Any:
        found: Any = [[answer]]
        for one in self._filters:
            found = list(one.apply(found, [document]))
        return found[0]

    def _call(self, reference: FunctionReference, *arguments: Any) -> Any:
        """Call a task's function; what it raises becomes a DataError that names it."""
        try:
            with offline(self.name), contextlib.redirect_stdout(io.StringIO()):
                return load(reference)(*arguments)
        except (ConfigError, DataError):
            raise
        except Exception as error:
            raise DataError(
                f"task {self.name!r}: {reference.name} fails: {type(error).__name__}: {error}"
            ) from error


@cache
def task_of(name: str, include_path: str | None = None) -> LmmsTask:
    """Return a task, read once."""
    return LmmsTask(name, include_path)


# Tasks whose preparation only brings pictures from another configuration: name -> that configuration, its
# split, the column of theirs that names a picture, and its columns of names and pictures.
JOINED: dict[str, tuple[str, str, str, str, str]] = {
    "gqa": ("testdev_balanced_images", "testdev", "imageId", "id", "image"),
}


class OneRow(list[dict[str, Any]]):
    """What a task's preparation calls of a data set: `map`, `filter`, and looking at its rows."""

    def map(self, function: Callable[..., Any], **_: Any) -> "OneRow":
        """Return rows with what the function returns of each."""
        return OneRow([{**row, **(function(row) or {})} for row in self])

    def filter(self, function: Callable[..., bool], **_: Any) -> "OneRow":
        """Return the rows of which the function is true."""
        return OneRow([row for row in self if function(row)])


def copy_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy of a document: a task may change it. Pictures are copied by reference."""
    return {key: _copied(value) for key, value in document.items()}


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(one) for one in value]
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return value


def _filter(step: Mapping[str, Any]) -> Any:
    options = {key: value for key, value in step.items() if key != "function"}
    function = step["function"]
    if isinstance(function, FunctionReference):
        return load(function)(**options)
    if function == "take_first":
        return _TakeFirst()
    if function not in _FILTERS:
        raise ConfigError(f"unknown filter {function!r}: {nearest(function, ('take_first', *_FILTERS))}")
    module, name = _FILTERS[function]
    file = tasks_folder().with_name("filters") / f"{module}.py"
    return load(FunctionReference(file, name))(**options)


class _TakeFirst:
    """The first answer of each document."""

    def apply(self, answers: Sequence[Sequence[str]], _: Any) -> list[str]:
        return [one[0] for one in answers]


# Names in task files -> module and class in lmms_eval.filters.
_FILTERS = {
    "regex": ("extraction", "RegexFilter"),
    "remove_whitespace": ("extraction", "WhitespaceFilter"),
    "multi_choice_regex": ("extraction", "MultiChoiceRegexFilter"),
    "lowercase": ("transformation", "LowercaseFilter"),
    "uppercase": ("transformation", "UppercaseFilter"),
    "map": ("transformation", "MapFilter"),
    "strip_thinking": ("transformation", "StripThinkingFilter"),
}
