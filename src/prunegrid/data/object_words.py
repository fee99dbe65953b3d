"""Words for the categories of objects that CHAIR looks for (Rohrbach et al. 2018, arXiv 1809.02156).

The list of the paper is not repeated here: it is read from a file of its format, or from lmms-eval's task.
"""

import ast
from functools import cache
from pathlib import Path

from prunegrid.errors import ConfigError
from prunegrid.files import expanded
from prunegrid.lmms_tasks.installation import INSTALL, tasks_folder

_TASK = "coco_cap_chair/utils.py"
_NAME = "INVERSE_SYNONYM_DICT"


@cache
def object_words(synonyms: str | None = None) -> dict[str, str]:
    """Return word, of one or several words, -> category.

    Parameters
    ----------
    synonyms : str, optional
        A text file: a category a line, then its other words, with commas between. Default: the list in the
        installed lmms-eval.

    Raises
    ------
    ConfigError
        If there is neither, or the file holds no such list.
    """
    return _of_package() if synonyms is None else _of_file(expanded(synonyms))


def _of_file(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"synonyms: {file} cannot be read: {error}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        words = [word.strip().lower() for word in line.split(",") if word.strip()]
        for word in words:
            # The paper's list repeats words within a category.
            if found.setdefault(word, words[0]) != words[0]:
                raise ConfigError(
                    f"synonyms: {file}: line {number}: {word!r} stands for {found[word]!r} and {words[0]!r}"
                )
    if not found:
        raise ConfigError(f"synonyms: {file}: holds no line such as `dog, puppy, hound`")
    return found


def _of_package() -> dict[str, str]:
    """Read lmms-eval's list in its source: to import it would take the package nltk."""
    try:
        file = tasks_folder() / _TASK
    except ConfigError as error:
        raise ConfigError(
            "CHAIR needs the words for each category: set `synonyms` to a text file of the paper's format "
            "(data/synonyms.txt of LisaAnne/Hallucination), or install lmms-eval, whose list is taken: "
            f"{INSTALL}"
        ) from error
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == _NAME:
            listed: dict[str, str] = ast.literal_eval(node.value)
            return {word.strip(): category.strip() for word, category in listed.items()}
    raise ConfigError(f"{file}: has no {_NAME}: set `synonyms` to a text file")
