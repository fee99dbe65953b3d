"""Kill a study and all its jobs at every stage, and compare what it then ends with.

    python -m tests.workflow.kills --number 30 --folder build/kills

Each run is killed a while after a stage has begun. The study is then unlocked and run once, and what it
holds is compared with an undisturbed one; then it is put back to where it was killed, and goes on to the next
stage.

Outcomes go to `kills.jsonl` in the folder, a line each; what stands there is not tried again. Ends with 1 if
a study did not end as if undisturbed.
"""

import argparse
import json
import random
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.workflow.damage import LEFT
from tests.workflow.flips import CONFIG, States
from tests.workflow.remedies import HARMLESS, RECOMPUTED, follow
from tests.workflow.study import Study

# What a run logs when a stage begins, and how many seconds the stage then takes, about.
STAGES = {
    "planning": (r"", 1.0),
    "render": (r"rule render_benchmark:", 1.0),
    "first part": (r"rule predict:", 5.0),
    "second part": (r"rule predict:", 3.0),
    "join": (r"rule join:", 0.6),
    "score": (r"rule score:", 0.6),
    "publish": (r"rule publish:", 0.1),
    "tables": (r"rule build_tables:", 2.0),
    "figures": (r"rule plot_\w+:", 2.0),
    "page": (r"rule write_report:", 0.4),
}
WRONG, NOT_AT_ONCE, ENDED = "WRONG", "NOT AT ONCE", "ended before it was killed"
_TEMPORARY = re.compile(r"^\..+-[a-z0-9_]{8}\.\w+$")


def kill_after(study: Study, stage: str, seconds: float) -> bool:
    """Run a study, and kill it so long after a stage has begun; return whether it ran till then."""
    logs = {*study.folder.glob(".snakemake/log/*.log")}

    def has_begun() -> bool:
        own = {*study.folder.glob(".snakemake/log/*.log")} - logs
        return not STAGES[stage][0] or any(re.search(STAGES[stage][0], log.read_text()) for log in own)

    return study.kill_when(has_begun, seconds)


def temporary(folder: Path) -> list[str]:
    """Return the half-written files that lie in a study's results."""
    files = (folder / "results").rglob(".*")
    return sorted(str(file.relative_to(folder)) for file in files if _TEMPORARY.match(file.name))


def try_out(states: States, study: Study, stage: str, seconds: float) -> dict[str, Any]:
    """Kill a study; unlock it, run it once and compare what it holds; then let it be as it was killed.

    Returns
    -------
    dict
        `outcome`; `left` and `stay`: the half-written files after the kill, and after the run.
    """
    killed = kill_after(study, stage, seconds)
    left = temporary(study.folder)
    study.run("--unlock")
    states.keep("killed")
    found = follow(study)
    differs = states.differing()
    outcome = found.outcome
    if found.outcome not in (HARMLESS, RECOMPUTED):
        outcome = f"{NOT_AT_ONCE}: {found.outcome}"
    elif found.runs > 2:
        outcome = NOT_AT_ONCE
    elif differs:
        outcome = WRONG
    elif not killed:
        outcome = ENDED
    stay = temporary(study.folder)
    states.restore("killed")
    states.forget("killed")
    result = {"outcome": outcome, "differs": differs, "told": found.told, "left": left, "stay": stay}
    return result if outcome in (HARMLESS, RECOMPUTED) else {**result, "output": found.output[-3000:]}


def main() -> None:
    """Kill by number, and count the outcomes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=30, help="of kills")
    parser.add_argument("--folder", type=Path, default=Path("build/kills"))
    given = parser.parse_args()
    log = given.folder / "kills.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in log.open()] if log.exists() else []
    for name in ("project", "states"):
        shutil.rmtree(given.folder / name, ignore_errors=True)
    study = Study(given.folder / "project", CONFIG)
    study.run()
    states = States(study, given.folder / "states")
    for number in range(len(done), given.number):
        stage = [*STAGES][number % len(STAGES)]
        if number == len(done) or stage == next(iter(STAGES)):
            for part in LEFT:
                shutil.rmtree(study.folder / part, ignore_errors=True)
        seconds = random.Random(f"kill {number}").uniform(0, STAGES[stage][1])
        result = try_out(states, study, stage, seconds)
        done.append({"number": number, "stage": stage, "seconds": round(seconds, 2), **result})
        with log.open("a") as file:
            file.write(json.dumps(done[-1]) + "\n")
        told = (number, stage, done[-1]["seconds"], result["outcome"], result["left"], result["stay"])
        print(*told, flush=True)
    outcomes = Counter(one["outcome"] for one in done)
    for outcome, count in outcomes.most_common():
        print(f"{count:4} {outcome}")
    sys.exit(not outcomes.keys() <= {HARMLESS, RECOMPUTED, ENDED})


if __name__ == "__main__":
    main()
