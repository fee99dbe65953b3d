"""What of a request Snakemake or YAML would drop without a word; how to ask about the same study again."""

import argparse
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from prunegrid.errors import ConfigError


def check_request(
    arguments: Sequence[str], parser: argparse.ArgumentParser, files: Sequence[str | Path]
) -> None:
    """Refuse a command line, and configuration files, of which a part would not count.

    Parameters
    ----------
    arguments : sequence of str
        Of the command line, without the program.
    parser : ArgumentParser
        Snakemake's.
    files : sequence of path
        The files of `--configfile`.

    Raises
    ------
    ConfigError
        If an option that takes several values is given twice, or a key: of two, the last alone counts.
    """
    faults = [*_repeated_options(arguments, parser)]
    for file in files:
        faults += _repeated_in(Path(file))
    if faults:
        raise ConfigError("\n".join(faults))


def about_this_study(target: str, arguments: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """Return the command that asks for another target of the same study, as it is typed.

    Parameters
    ----------
    target : str
        The rule.
    arguments : sequence of str
        Of this command line, without the program.
    parser : ArgumentParser
        Snakemake's.
    """
    given, _ = parser.parse_known_args([*arguments])
    same: list[str] = []
    # --configfile takes all that follows it.
    for option in ("snakefile", "directory", "config", "configfile"):
        value = getattr(given, option, None)
        if value:
            same += [f"--{option}", *map(str, value if isinstance(value, list) else [value])]
    return shlex.join([_program(), "--cores", "1", target, *same])


def _program() -> str:
    """Return how this snakemake is called from here."""
    beside = Path(sys.executable).with_name("snakemake")
    found = shutil.which("snakemake")
    if not beside.is_file() or (found is not None and Path(found).resolve() == beside.resolve()):
        return "snakemake"
    # As in `make demo`: its environment is not activated.
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)


def _repeated_options(arguments: Sequence[str], parser: argparse.ArgumentParser) -> Iterator[str]:
    given: dict[str, list[list[str]]] = {}
    values: list[str] | None = None
    for argument in arguments:
        if argument == "--":
            break
        action = _action(argument, parser)
        if action is not None:
            # "--option=first" is its first value, too.
            values = [argument.partition("=")[2]] if "=" in argument else []
            given.setdefault(action.option_strings[0], []).append(values)
        elif argument.startswith("-"):
            values = None
        elif values is not None:
            values.append(argument)
    for name, lists in given.items():
        if len(lists) > 1:
            every = " ".join(value for one in lists for value in one)
            yield f"{name} is given {len(lists)} times, and the last alone would count: write {name} {every}"
        elif name == "--config":
            keys = Counter(value.partition("=")[0] for value in lists[0])
            yield from (
                f"--config: {key} is given {n} times, and the last alone would count"
                for key, n in keys.items()
                if n > 1
            )
            for key, _, text in (value.partition("=") for value in lists[0]):
                for inner, *_ in _repeated_keys(text):
                    yield f"--config: {key}: {inner!r} stands there twice, and the last would count: keep one"


def _action(argument: str, parser: argparse.ArgumentParser) -> argparse.Action | None:
    """Return the option that an argument is, where it takes several values; it may be abbreviated."""
    if not argument.startswith("-"):
        return None
    name = argument.partition("=")[0]
    several = [one for one in parser._actions if one.nargs in ("+", "*") and one.option_strings]
    options = {option: one for one in parser._actions for option in one.option_strings}
    if name in options:
        return options[name] if options[name] in several else None
    if not name.startswith("--"):
        return None
    meant = [one for option, one in options.items() if option.startswith(name)]
    return meant[0] if len(meant) == 1 and meant[0] in several else None


def _repeated_in(file: Path) -> Iterator[str]:
    """Yield what is wrong with the keys of a YAML file."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        # Snakemake says so better.
        return
    for name, line, before in _repeated_keys(text):
        yield f"{file}: line {line}: {name!r} stands in line {before} already: keep one"


def _repeated_keys(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield keys that stand twice in one mapping of a YAML text, with their line and the one before."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except (ValueError, yaml.YAMLError):
        # What it is then taken for has no keys, or is refused.
        return
    waiting: list[yaml.Node | None] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            waiting += [value for _, value in node.value]
            lines: dict[str, int] = {}
            for key, _ in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in lines and name != "<<":
                    yield name, line, lines[name]
                lines[name] = line
