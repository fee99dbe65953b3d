"""Where a study's models and data lie, and what they tell of themselves. Imports no torch."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from prunegrid import plugins
from prunegrid.data import hub
from prunegrid.data.model_files import read_json
from prunegrid.errors import ConfigError, PrunegridError
from prunegrid.files import is_there
from prunegrid.pruning.families import family_of
from prunegrid.study.memo import Memo

# The demo's benchmarks, and the files that the rule `render_benchmark` makes of them.
DEMO_BENCHMARKS = ("easyvqa", "shapes-pope", "shapes-mcq", "shapes-list", "shapes-caption")
# Keys of benchmarks that name a file or folder: task files of lmms-eval, words for objects.
_FILES = ("include_path", "synonyms")
DEMO_DATA = tuple(f"resources/demo/{name}.parquet" for name in DEMO_BENCHMARKS)


class StudyInputs:
    """A configuration, and the models and benchmarks that it names, where they are on this machine.

    Parameters
    ----------
    config : mapping
        As `prunegrid.study.config.validate` returns it.
    home : Path
        Folder of the Snakefile: relative paths that do not exist in the working directory are looked
        up there.
    prepared : collection of str, optional
        Files that the rule render_benchmark makes: what makes them stands for their content.
    """

    def __init__(self, config: Mapping[str, Any], home: Path, prepared: Collection[str] = ()) -> None:
        self.config = config
        self.home = home
        self.prepared = frozenset(prepared)
        self._memo = Memo()

    def model_path(self, model: str) -> str:
        """Return the folder of a model: its own, or its snapshot in the hub cache; else its hub id."""
        spec = self.config["model_specs"][model]
        if self.is_local(spec["path"]) or not hub.is_hub_id(spec["path"]):
            return self._resolve(spec["path"])
        cached = self._memo.once(
            ("snapshot", model), lambda: hub.cached(spec["path"], spec.get("revision"), "model")
        )
        return str(cached or spec["path"])

    def is_local(self, path: str) -> bool:
        """Return whether a path exists in the working directory, at home or beside the Snakefile."""
        return is_there(self._resolve(path))

    def data_path(self, benchmark: str) -> str | None:
        """Return the file or folder of a benchmark, or its hub id; None leaves it to the adapter."""
        path = self.config["benchmark_specs"][benchmark].get("path")
        return None if path is None else self._resolve(path)

    def is_prepared(self, benchmark: str) -> bool:
        """Return whether a rule makes the data of a benchmark."""
        return self.config["benchmark_specs"][benchmark].get("path") in self.prepared

    def shows_one_picture(self, benchmark: str) -> bool:
        """Return whether all samples of a benchmark show one picture, as far as it is here.

        Data that a rule prepares have several. A job, which sees them made, must plan as the run did.
        """
        if self.config["benchmark_specs"][benchmark].get("path") in DEMO_DATA:
            return False

        def look() -> bool:
            try:
                return not self.adapter(benchmark).shows_two_pictures()
            except PrunegridError:
                # What is wrong with the data, `check_inputs` says.
                return False

        return self._memo.once(("one picture", benchmark), look)

    def model_config(self, model: str) -> dict[str, Any]:
        """Return a model's config.json, or an empty dict where it is not on this machine.

        Raises
        ------
        ConfigError
            If it is damaged.
        """

        def read() -> dict[str, Any]:
            file = Path(self.model_path(model), "config.json")
            try:
                return read_json(file) if file.is_file() else {}
            except ConfigError as error:
                raise ConfigError(f"model_specs.{model}.path: {error}") from error

        return self._memo.once(("config", model), read)

    def layers(self, model: str) -> int:
        """Return the number of decoder layers, from config.json or model_specs.

        Raises
        ------
        ConfigError
            If neither tells.
        """
        spec = self.config["model_specs"][model]
        config = self.model_config(model)
        text = config.get("text_config", config)
        told, found = spec.get("layers"), text.get("num_hidden_layers")
        if told and found and told != found:
            raise ConfigError(
                f"model_specs.{model}.layers is {told}, but its config.json tells {found}: leave `layers` out"
            )
        found = found or told
        if found is None:
            raise ConfigError(
                f"model_specs.{model}: no config.json tells the number of layers: {spec['path']!r} is "
                + (
                    "a folder without it: give the model's folder, or set `layers`"
                    if self.is_local(spec["path"])
                    else "no folder here (is it misspelt?) and not in the hub cache: "
                    "for a model of the hub, set `layers`"
                )
            )
        return int(found)

    def image_tokens(self, model: str) -> int:
        """Return the image tokens of one picture, from model_specs or, which takes torch, from config.json.

        Raises
        ------
        ConfigError
            If neither tells, or they depend on the picture.
        """
        told = self.config["model_specs"][model].get("image_tokens")

        def find() -> int:
            # Completing a configuration takes transformers, and that takes torch.
            from prunegrid.cost.model_config import complete_config

            try:
                config = complete_config(self.model_config(model))
                return family_of(config["model_type"]).image_tokens(config)
            except PrunegridError as error:
                raise ConfigError(
                    f"model_specs.{model}.image_tokens is not set, and `tokens` needs it: how many image "
                    f"tokens a picture has ({error})"
                ) from error

        return int(told or self._memo.once(("image tokens", model), find))

    def benchmark_spec(self, benchmark: str, model: str | None = None) -> dict[str, Any]:
        """Return a benchmark's specification, completed by what its adapter says of a model's family."""
        spec: dict[str, Any] = self.config["benchmark_specs"][benchmark]
        if model is None:
            return spec
        adapter: Any = plugins.load("benchmarks", spec["adapter"])
        family = str(self.model_config(model).get("model_type"))
        mode = self.config["model_specs"][model].get("image_mode", "processor")
        return {**adapter.for_model(family, mode), **spec}

    def adapter(self, benchmark: str, model: str | None = None) -> Any:
        """Return the adapter of a benchmark, on its data; its prompts are a model's, or the first variant."""
        spec = self.benchmark_spec(benchmark, model)
        adapter = plugins.load("benchmarks", spec["adapter"])
        try:
            return adapter({**spec, **self._files(spec), "path": self.data_path(benchmark)})
        except PrunegridError as error:
            raise type(error)(f"benchmark_specs.{benchmark}: {error}") from error

    def scorer(self, benchmark: str) -> str:
        """Return the scorer of a benchmark's adapter."""
        adapter = self.config["benchmark_specs"][benchmark]["adapter"]
        return str(plugins.describe("benchmarks", adapter)["scorer"])

    def answer_tokens(self, benchmark: str) -> int:
        """Return how many tokens an answer has at most; needs no data."""

        def look() -> int:
            return int(self.adapter(benchmark).max_new_tokens)

        return self._memo.once(("answer tokens", benchmark), look)

    def scorer_options(self, benchmark: str, model: str | None = None) -> dict[str, Any]:
        """Return the options of a benchmark's scorer: further metrics, and keys that its adapter hands on."""
        spec = self.benchmark_spec(benchmark, model)
        told = plugins.describe("benchmarks", spec["adapter"])
        handed = {key: spec[key] for key in (*told["scorer_keys"], *told["scored_keys"]) if key in spec}
        metrics = {"extra": spec["metrics"]} if spec.get("metrics") else {}
        return {**handed, **self._files(spec), **metrics}

    def _files(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return the files and folders that a specification names beside its data, looked up as data are."""
        return {key: self._resolve(spec[key]) for key in _FILES if spec.get(key)}

    def _resolve(self, path: str) -> str:
        if is_there(path):
            return path
        at_home = self.home / path
        return str(at_home) if is_there(at_home) else path
