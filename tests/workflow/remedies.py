"""A user who does what the messages of a study say, to the letter, and what the study holds in the end."""

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from prunegrid.results.predictions import METADATA_KEY
from tests.workflow.study import TIMEOUT, Study, environment

# Runs that a user makes before giving up.
MOST_RUNS = 8
HARMLESS, RECOMPUTED, REFUSED = "harmless", "recomputed", "refused"
TRACEBACK, LOOP, NO_REMEDY = "TRACEBACK", "LOOP", "NO REMEDY"


@dataclass
class Followed:
    """How a study came to its end.

    Attributes
    ----------
    outcome : str
        HARMLESS: there was nothing to be done; RECOMPUTED: jobs ran, and none failed; REFUSED: what the
        messages said was done, and then none failed. Else one of TRACEBACK, LOOP and NO_REMEDY.
    told : list of str
        The messages.
    runs : int
    output : str
        Of the last run.
    """

    outcome: str = HARMLESS
    told: list[str] = field(default_factory=list)
    runs: int = 0
    output: str = ""


def follow(study: Study, *arguments: str) -> Followed:
    """Run a study until there is nothing to be done, doing between runs what the messages say.

    Parameters
    ----------
    study : Study
    arguments : str
        Of the first run.
    """
    found = Followed()
    while found.runs < MOST_RUNS:
        done = subprocess.run(
            study.command(*(arguments if not found.runs else ()), python=study.python),
            cwd=study.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env=environment(),
        )
        found.runs += 1
        found.output = done.stdout
        logs = sorted((study.folder / ".snakemake/log").glob("*.log"))
        if "Traceback (most recent" in done.stdout + (logs[-1].read_text() if logs else ""):
            found.outcome = TRACEBACK
            return found
        if done.returncode == 0 and "Nothing to be done" in done.stdout:
            return found
        if done.returncode == 0:
            found.outcome = RECOMPUTED if found.outcome == HARMLESS else found.outcome
            continue
        found.outcome = REFUSED
        messages = _messages(done.stdout)
        found.told += messages
        done_all = [_do(study.folder, message) for message in messages]
        if not done_all or not all(done_all):
            found.outcome = NO_REMEDY
            return found
    found.outcome = LOOP
    return found


def _messages(output: str) -> list[str]:
    """Return what the end of a run tells of the jobs that failed, or else its last line."""
    _, _, end = output.partition("\nfailed: ")
    told = [line.strip() for line in end.splitlines() if re.match(r"  \w+(Error|Exception)?: ", line)]
    told = [line for line in told if not line.startswith("its log: ")]
    return list(dict.fromkeys(told)) or output.strip().splitlines()[-1:]


def _do(folder: Path, message: str) -> bool:
    """Do what a message says; return whether it says anything."""
    text = re.sub(r"^(\w+: )+", "", message)
    asked = re.search(r"delete (.+?)(?: and run again|, or check again)", text)
    if asked:
        for name in asked.group(1).split(" and "):
            path = folder / (text.split(" ", 1)[0] if name == "it" else name)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return True
    return "run again" in text


def held(study: Study) -> dict[str, str]:
    """Return name -> hash of all that a study holds for its readers: numbers, tables, figures, page.

    Of files of predictions it is the rows, and what they tell but for how long they took.
    """
    folder = study.folder / "results"
    files = [
        *folder.glob("*/*/*/*/ratio-*/seed-*/*"),
        *folder.glob("*/tables/*"),
        *folder.glob("*/figures/*"),
        *folder.glob("*/gallery/*"),
        folder / "report.html",
    ]
    return {
        str(file.relative_to(folder)): _hash(file) for file in sorted(files) if "checksums" not in file.name
    }


def _hash(file: Path) -> str:
    if not file.exists():
        return "missing"
    if file.name != "predictions.parquet":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    try:
        table = pq.read_table(file, partitioning=None)
        metadata = json.loads((table.schema.metadata or {})[METADATA_KEY])
    except (OSError, ValueError, KeyError):
        return "cannot be read"
    metadata.pop("seconds", None)
    content = json.dumps([metadata, table.to_pylist()], sort_keys=True)
    return hashlib.sha256(content.encode(errors="backslashreplace")).hexdigest()
