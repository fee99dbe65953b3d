"""Errors before the Snakefile is read, which Snakemake words without the file, the line or the mistake."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import yaml

# What `configfile:` of workflow/Snakefile names, for a study in the checkout.
_SHIPPED = ("config/models.yaml", "config.yaml")


def explained(message: str, arguments: Sequence[str]) -> str | None:
    """Return what a user should read in place of an error's message; None where that says enough.

    Parameters
    ----------
    message : str
        Of Snakemake.
    arguments : sequence of str
        Of the command line, without the program.
    """
    if "FileNotFoundError" in message or "not found" in message:
        files = _values(arguments, "--configfile", "--configfiles")
        lost = [file for file in files if not Path(file).exists()]
        if lost and any(file in message for file in lost):
            return _taken_for_a_file(lost, files, arguments)
    if "name=value pairs" in message:
        values = _values(arguments, "--config", "-C")
        targets = [value for value in values if "=" not in value]
        if targets:
            said = f"--config takes all that follows it: {', '.join(targets)} is no `key=value`"
            return f"{said}. If it is a target, put it first: {_targets_first(targets, arguments)}"
    if "Config file" in message and "YAML" in message:
        files = [*_values(arguments, "--configfile", "--configfiles"), *_SHIPPED]
        return "\n".join(filter(None, map(_fault, dict.fromkeys(files)))) or None
    return None


def _taken_for_a_file(lost: Sequence[str], files: Sequence[str], arguments: Sequence[str]) -> str:
    lines = [f"--configfile: {file} is no file here: looked for {Path(file).absolute()}" for file in lost]
    targets = [file for file in lost if not Path(file).suffix]
    if targets and len(targets) < len(files):
        lines.append(
            "--configfile takes all that follows it. If you mean a target, put it first: "
            + _targets_first(targets, arguments)
        )
    return "\n".join(lines)


def _targets_first(targets: Sequence[str], arguments: Sequence[str]) -> str:
    others = [argument for argument in arguments if argument not in targets]
    # `--cores 2` and its like stay together at the front; the option that takes all must come last.
    greedy = next(
        (
            n
            for n, argument in enumerate(others)
            if argument in ("--configfile", "--configfiles", "--config", "-C")
        ),
        len(others),
    )
    return shlex.join(["snakemake", *others[:greedy], *targets, *others[greedy:]])


def _values(arguments: Sequence[str], *options: str) -> list[str]:
    """Return what follows an option, up to the next."""
    found: list[str] = []
    taking = False
    for argument in arguments:
        name, _, value = argument.partition("=")
        if argument.startswith("-"):
            taking = name in options
            found += [value] if taking and value else []
        elif taking:
            found.append(argument)
    return found


def _fault(file: str) -> str | None:
    """Return what is wrong with a YAML file, with its line; None of one that is right or not there."""
    try:
        found = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}: line {mark.line + 1}, column {mark.column + 1}" if mark else file
        began = error.context_mark
        since = (
            f" ({error.context}, which began in line {began.line + 1})"
            if error.context and began and mark and began.line != mark.line
            else ""
        )
        return f"{where}: {error.problem or 'no valid YAML'}{since}"
    except yaml.YAMLError as error:
        return f"{file}: {error}"
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return f"{file}: holds no `key: value` at its top, but {type(found).__name__}"
    return None
