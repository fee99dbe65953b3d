"""Tokenise captions as the COCO caption evaluation does, with the Penn Treebank tokenizer in Java.

The same program, options and list of punctuation as `pycocoevalcap.tokenizer.ptbtokenizer`, which
starts Java once per call and writes into its own package folder.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pycocoevalcap.tokenizer import ptbtokenizer

from prunegrid.errors import DataError
from prunegrid.scoring.captions import java

_JAR = Path(ptbtokenizer.__file__).parent / ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR
_PUNCTUATION = frozenset(ptbtokenizer.PUNCTUATIONS)
# What the tokenizer takes for the end of a line, apart from \n.
_LINE_BREAKS = re.compile("[\r\n\x0b\x0c\u2028\u2029]")
# Stands between groups: the lexer looks ahead into the next line.
_SEPARATOR = "x"


def tokenize(groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """Tokenise groups of captions with one start of Java.

    Parameters
    ----------
    groups : sequence of sequences of str
        For example the references, then the candidates of each cell.

    Returns
    -------
    list of lists of str
        The same shape; tokens in lower case, joined by spaces, without punctuation.

    Raises
    ------
    DataError
        If the tokenizer fails or loses a line.
    """
    lines = [line for group in groups for line in (*map(_one_line, group), _SEPARATOR)]
    if not lines:
        return []
    process = subprocess.run(
        java.command(
            "-cp", str(_JAR), "edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"
        ),
        input="\n".join(lines).encode("utf-8", "replace"),
        capture_output=True,
        check=False,
        env=java.environment(),
    )
    if process.returncode:
        raise DataError(f"the caption tokenizer failed: {java.said(process.stderr)}")
    tokenized = process.stdout.decode("utf-8").split("\n")[: len(lines)]
    if len(tokenized) != len(lines):
        raise DataError(f"the caption tokenizer returned {len(tokenized)} lines for {len(lines)} captions")
    result, start = [], 0
    for group in groups:
        result.append([_without_punctuation(line) for line in tokenized[start : start + len(group)]])
        start += len(group) + 1
    return result


def _one_line(caption: str) -> str:
    return _LINE_BREAKS.sub(" ", caption)


def _without_punctuation(line: str) -> str:
    return " ".join(word for word in line.rstrip().split(" ") if word not in _PUNCTUATION)
