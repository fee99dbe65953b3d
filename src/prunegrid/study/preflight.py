"""What can be known of models and data before hours of work."""

import re
from collections.abc import Callable
from pathlib import Path

from prunegrid import plugins
from prunegrid.data import hub, model_files
from prunegrid.errors import ConfigError, NotDownloadedError, PrunegridError
from prunegrid.nearest import nearest
from prunegrid.study.fingerprint import unfollowed_links
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.plugin_checks import code_faults

# Beside weights of an adapter, or of a base model that transformers would load without a word.
_ADAPTER = "adapter_config.json"
# Files beside *.jinja that may hold a chat template, and by what it asks for the date or for chance. Of JSON
# the text is searched as it stands, where a line break is two characters.
_WITH_TEMPLATES = ("chat_template.json", "tokenizer_config.json", "processor_config.json")
_CLOCK = re.compile(rb"strftime_now")
_CHANCE = re.compile(rb"\|(?:\s|\\[nrt])*random\b|\bfilter\s+random\b|map\(\s*\\?[\"']random\b|\blipsum\(")


def check_inputs(inputs: StudyInputs) -> list[str]:
    """Check folders, files and columns of a study.

    Data that a rule prepares is left to the jobs that read it.

    Returns
    -------
    list of str
        What has to be downloaded first: it can be planned with, and not run.

    Raises
    ------
    ConfigError, DataError
        Naming what is missing, and where it was looked for.
    """
    missing = []
    checks: list[tuple[Callable[[StudyInputs, str], None], str]]
    checks = [(check_model, model) for model in inputs.config["models"]]
    checks += [(check_benchmark, benchmark) for benchmark in inputs.config["benchmarks"]]
    for check, name in checks:
        try:
            check(inputs, name)
        except NotDownloadedError as error:
            missing.append(str(error))
    return missing


def check_model(inputs: StudyInputs, model: str) -> None:
    """Check that a model's configuration and weights are on this machine.

    Raises
    ------
    NotDownloadedError
        If it is a hub id whose files are not all in the hub cache.
    ConfigError
        If it is a folder without them, one of them is not whole or is behind a link to a folder, it is an
        adapter's, its family is not supported, or the code of that is wrong.
    """
    where, path = f"model_specs.{model}.path", Path(inputs.model_path(model))
    if not path.exists() and hub.is_hub_id(str(path)):
        raise NotDownloadedError(f"{where}: {path} is not in the hub cache: {hub.ADVICE}")
    if (adapter := path / _ADAPTER).is_file():
        raise ConfigError(
            f"{where}: {adapter}: adapters (LoRA) are not loaded, and without it this would be the base "
            "model: give a folder of the merged model (`merge_and_unload` of peft, then `save_pretrained`), "
            "or remove the file"
        )
    if not (path / "config.json").is_file():
        raise ConfigError(
            f"{where}: {path} has no config.json: give a folder in the hub's layout or a hub id"
        )
    model_type = inputs.model_config(model).get("model_type")
    supported = plugins.names("models")
    if model_type not in supported:
        raise ConfigError(
            f"{where}: model type {model_type!r} of {path} is not supported: {nearest(model_type, supported)}"
        )
    if faults := code_faults("models", model_type):
        raise ConfigError("\n".join(faults))
    _check_templates(where, path)
    lost = hub.missing_weights(path)
    if lost:
        fault = f"{where}: {path} is without {', '.join(lost)}"
        hub.check_snapshot(path, fault)
        raise ConfigError(f"{fault}; weights are read from safetensors files alone")
    _check_links(where, path)
    if found := [*model_files.faults(path)]:
        raise ConfigError("\n".join(f"{where}: {fault}" for fault in found))


def _check_links(where: str, path: Path) -> None:
    """Refuse links whose files would be loaded and be no part of the key, or that lead to nothing."""
    to_folders, to_nothing = unfollowed_links(path)
    if to_folders:
        link = to_folders[0]
        raise ConfigError(
            f"{where}: {link} is a link to a folder, {link.readlink()}, whose files no key would hold: put "
            "the folder itself there, or links to its files"
        )
    if to_nothing:
        link = to_nothing[0]
        fault = f"{where}: {link} is a link to {link.readlink()}, which is not there"
        hub.check_snapshot(path, fault)
        raise ConfigError(f"{fault}: get the file again, or remove the link")


def _check_templates(where: str, path: Path) -> None:
    """Refuse a chat template that puts the date, or what it draws, into prompts: no key holds it."""
    for file in sorted([*path.glob("*.jinja"), *path.glob("*/*.jinja"), *path.glob("*.json")]):
        if not (file.suffix == ".jinja" or file.name in _WITH_TEMPLATES):
            continue
        text = file.read_bytes()
        if _CHANCE.search(text):
            raise ConfigError(
                f"{where}: the chat template in {file} draws at random (the filter `random`, or `lipsum`): "
                "each job would have prompts of its own under the same key; write a fixed text in its place"
            )
        if _CLOCK.search(text):
            raise ConfigError(
                f"{where}: the chat template in {file} reads the clock (strftime_now): prompts of another "
                "day would be other ones under the same key; write a fixed date in its place"
            )


def check_benchmark(inputs: StudyInputs, benchmark: str) -> None:
    """Check that a benchmark's files are on this machine, have their columns, and no id twice.

    Raises
    ------
    NotDownloadedError
        If it is a hub id that is not in the hub cache.
    DataError
        Naming the files and columns that are missing, or the rows that have one id.
    ConfigError
        If `columns` names what cannot be there.
    """
    adapter = inputs.adapter(benchmark)
    if inputs.is_prepared(benchmark):
        _check_made_columns(inputs, benchmark)
    else:
        try:
            adapter.check()
            # The columns of ids alone are read.
            adapter.sample_ids()
        except PrunegridError as error:
            raise type(error)(f"benchmark_specs.{benchmark}: {error}") from error


def _check_made_columns(inputs: StudyInputs, benchmark: str) -> None:
    """Refuse other names for the columns of a file that a rule makes: it has the adapter's own."""
    columns = inputs.config["benchmark_specs"][benchmark].get("columns") or {}
    other = {name: there for name, there in columns.items() if name != there}
    if other:
        name, there = next(iter(other.items()))
        raise ConfigError(
            f"benchmark_specs.{benchmark}.columns: {name!r} is not called {there!r}: the file is made by the "
            "workflow, whose columns have the adapter's own names; leave `columns` out"
        )
