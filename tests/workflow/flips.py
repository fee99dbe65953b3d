"""Damage files of a study one by one, do what it says, and compare all that it then holds with what it held.

    python -m tests.workflow.flips --number 200 --folder build/flips

Outcomes go to `flips.jsonl` in the folder, a line each; what stands there is not tried again. Ends with 1 if
a number was wrong, or the messages did not help.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from tests.workflow.damage import LEFT, Damage, damage, draw
from tests.workflow.remedies import HARMLESS, RECOMPUTED, REFUSED, follow, held
from tests.workflow.study import Study

CONFIG = {
    "benchmarks": ["shapes-pope"],
    "benchmark_specs": {"shapes-pope": {"limit": 8}},
    "strategies": ["uniform"],
    "criteria": ["norm"],
    "ratios": [0.505],
    "seeds": [0],
    "bundle_size": 50,
    "shard_size": 2,
    "jobs_per_bundle": 2,
    "tables": {"replicates": 100},
}
WRONG = "WRONG"
READ_LATER = "found when it is read"
SOUND = (HARMLESS, RECOMPUTED, REFUSED, READ_LATER)
# What a run that has nothing to do does not read: damage that leaves the time stamp waits for one that does.
NOT_READ = ("published file", "predictions in the store", "scores in the store")


class States:
    """What a study leaves at some points of its way, to begin from again and again.

    Parameters
    ----------
    study : Study
        It is finished by now.
    folder : Path
        Where the states are kept.
    """

    def __init__(self, study: Study, folder: Path) -> None:
        self._study, self._folder = study, folder
        self.whole = held(study)
        self.keep("finished")

    @property
    def names(self) -> list[str]:
        return sorted(state.name for state in self._folder.iterdir())

    def keep(self, name: str) -> None:
        """Keep what the study holds now, hard links and time stamps included."""
        (self._folder / name).mkdir(parents=True)
        _copy(self._study.folder, self._folder / name)

    def restore(self, name: str) -> None:
        """Let the study hold what was kept."""
        _copy(self._folder / name, self._study.folder)

    def forget(self, name: str) -> None:
        """Remove what was kept."""
        shutil.rmtree(self._folder / name)

    def keep_killed(self, name: str, ready: Callable[[], bool]) -> None:
        """Begin the study anew, kill it when it is ready, unlock it, and keep what it holds."""
        for part in LEFT:
            shutil.rmtree(self._study.folder / part, ignore_errors=True)
        assert self._study.kill_when(ready), "the run ended before it could be killed"
        self._study.run("--unlock")
        self.keep(name)

    def try_out(self, state: str, damages: Collection[Damage]) -> dict[str, Any]:
        """Damage files of a state, follow the messages, and compare.

        Returns
        -------
        dict
            `outcome`, one of SOUND or what is wrong; `told`, the messages; `differs`, the files that differ.
        """
        self.restore(state)
        damage(self._study.folder, damages)
        found = follow(self._study)
        outcome, told, runs = found.outcome, found.told, found.runs
        differs = self.differing()
        if outcome in SOUND and differs and all(one.stamp_kept and one.kind in NOT_READ for one in damages):
            again = follow(self._study, "--forcerun", "build_tables")
            outcome = READ_LATER if again.outcome in SOUND else again.outcome
            told, runs, found = told + again.told, runs + again.runs, again
            differs = self.differing()
        if outcome in SOUND and differs:
            outcome = WRONG
        result = {"outcome": outcome, "told": told, "runs": runs, "differs": differs}
        return result if outcome in SOUND else {**result, "output": found.output[-3000:]}

    def differing(self) -> list[str]:
        """Return which of the files that the study holds are others than when it was undisturbed."""
        now = held(self._study)
        return sorted(name for name in now | self.whole if now.get(name) != self.whole.get(name))


def _copy(source: Path, target: Path) -> None:
    for part in LEFT:
        shutil.rmtree(target / part, ignore_errors=True)
        if (source / part).exists():
            subprocess.run(["cp", "-a", source / part, target], check=True)


def all_states(folder: Path) -> States:
    """Return a finished study, and ones that were killed between shards, and before they were scored."""
    study = Study(folder / "project", CONFIG)
    study.run()
    states = States(study, folder / "states")
    store = study.folder / "results/demo/shapes-pope/.store"
    states.keep_killed("killed between shards", lambda: len([*store.glob("*.shards-2/0*.parquet")]) >= 4)
    jobs = study.folder / "results/demo/.jobs"
    states.keep_killed("killed before scoring", lambda: [*jobs.glob("joined-*")] != [])
    return states


def main() -> None:
    """Try damages by number, and count the outcomes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=200, help="of damages")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--folder", type=Path, default=Path("build/flips"))
    given = parser.parse_args()
    log = given.folder / "flips.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = {json.loads(line)["number"]: json.loads(line) for line in log.open()} if log.exists() else {}
    for name in ("project", "states"):
        shutil.rmtree(given.folder / name, ignore_errors=True)
    states = all_states(given.folder)
    numbers = range(given.first, given.first + given.number)
    for number in numbers:
        if number in done:
            continue
        state = states.names[number % len(states.names)]
        drawn = draw(given.folder / "states" / state, number)
        began = time.monotonic()
        result = states.try_out(state, [drawn])
        took = round(time.monotonic() - began, 1)
        done[number] = {"number": number, "state": state, **drawn.as_dict(), **result, "seconds": took}
        with log.open("a") as file:
            file.write(json.dumps(done[number]) + "\n")
        print(number, state, drawn.kind, drawn.what, result["outcome"], took, flush=True)
    outcomes = Counter(done[number]["outcome"] for number in numbers)
    for outcome, count in outcomes.most_common():
        print(f"{count:4} {outcome}")
    sys.exit(not outcomes.keys() <= {*SOUND})


if __name__ == "__main__":
    main()
