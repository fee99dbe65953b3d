"""Mistakes in plug-ins are told before the run, with the file, what was found and what is right."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from prunegrid import plugin_folders, plugins
from prunegrid.errors import ConfigError
from prunegrid.plugin_folders import VARIABLE
from prunegrid.source import imports
from prunegrid.study.config import validate
from prunegrid.study.fingerprint import Code
from prunegrid.study.grid import expand
from prunegrid.study.inputs import StudyInputs
from prunegrid.study.outside import use_plugins
from prunegrid.study.plugin_checks import code_faults
from prunegrid.study.preflight import check_model
from tests.study.plans import HOME, SCHEMA, configuration

HEADS = {
    "criteria": "from dataclasses import dataclass\nfrom prunegrid import Criterion, Stage\n",
    "strategies": "from dataclasses import dataclass\nfrom typing import ClassVar\n"
    "from prunegrid import Schedule, Strategy\n",
    "benchmarks": "from prunegrid import Adapter, Task\n",
    "scorers": "from prunegrid import Scorer\nfrom prunegrid.scoring.choice import ChoiceScorer\n",
    "models": "from prunegrid import Family\n",
}


def mine(base: str, *methods: str, body: str = "pass", over: str = "", attributes: str = "") -> str:
    """Return the source of a class with methods of one body."""
    lines = [f"    {line}" for line in attributes.splitlines()]
    lines += [f"    def {method}:\n        {body}" for method in methods]
    return "\n".join([*over.splitlines(), f"class Mine({base}):", *(lines or ["    pass"]), ""])


def adapter(*methods: str, attributes: str = "scorer = 'pope'\n") -> str:
    more = "max_new_tokens = 1\nrequired_columns = {'image': 'image'}\n"
    return mine("Adapter", *methods, attributes=attributes + more)


def scorer(*methods: str, base: str = "Scorer", attributes: str = "headline_variant = 'a'\n") -> str:
    return mine(base, *methods, attributes=f"{attributes}variants = ('a',)\n")


@pytest.fixture
def outside(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv(VARIABLE, "")
    return tmp_path / "outside"


def write(outside: Path, kind: str, text: str, name: str = "mine") -> Path:
    file = outside / kind / f"{name}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEADS[kind] + text)
    use_plugins([str(outside)], HOME)
    return file


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("criteria", mine("Criterion", "score(self, s)")),
        ("criteria", mine("prunegrid.Criterion", "score(self, stage)", over="import prunegrid")),
        ("criteria", mine("Criterion", "resolve(self, *args, **more)")),
        ("criteria", mine("Criterion", "select(self, stage)")),
        ("strategies", mine("Strategy", "cuts(self, strength, n_layers, more=1)")),
        ("strategies", mine("Strategy", "solve(self, ratio, n, *, seed=0, n_tokens=None)")),
        ("strategies", mine("_Base", over=mine("Strategy", "cuts(self, *args)").replace("Mine", "_Base"))),
        ("benchmarks", adapter("task(self, row)")),
        ("scorers", scorer("rows(self, table)", "metrics(self, rows)")),
        ("models", mine("Family", "layers(self, model)")),
    ],
)
def test_what_is_right_has_no_fault(outside: Path, kind: str, text: str) -> None:
    write(outside, kind, text)
    assert code_faults(kind, "mine") == []


SOLVE = "solve(self, ratio, n_layers, *, seed=0, n_tokens=None)"
TWO = mine("Criterion", "score(self, stage)")
FIELD = mine("Criterion", "score(self, stage)", attributes="power: float = 1.0")
WRONG_KIND = mine("Strategy", "cuts(self, a, b)", over="from prunegrid import Strategy")
COMPUTED = mine("Criterion", "score(self, stage)", attributes="stochastic = not False")


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        ("criteria", "class Mine(Criterion:\n", "line 3 is no Python"),
        (
            "criteria",
            mine("object"),
            "class, derived from prunegrid.Criterion; found Mine, derived from no base",
        ),
        ("criteria", "", "found no public class"),
        (
            "criteria",
            TWO + TWO.replace("Mine", "Other"),
            "exactly one public class, derived from prunegrid.Cri",
        ),
        ("criteria", TWO + TWO.replace("Mine", "Other"), "found Mine, Other"),
        (
            "criteria",
            WRONG_KIND,
            "found Mine, derived from prunegrid.Strategy: such a file belongs into strat",
        ),
        (
            "criteria",
            mine("Criterion", "scores(self, s)"),
            "Mine lacks the method score(self, stage: Stage) ->",
        ),
        (
            "criteria",
            mine("Criterion", "score(self)"),
            "Mine has score(self); right is score(self, stage: Sta",
        ),
        (
            "criteria",
            mine("Criterion", "score(self, s, power)"),
            "Mine has score(self, s, power); right is sc",
        ),
        (
            "criteria",
            FIELD,
            "options power, but is no dataclass: write @dataclass(frozen=True, kw_only=True)",
        ),
        (
            "criteria",
            f"@dataclass\n{FIELD}",
            "Mine is a @dataclass; right is @dataclass(frozen=True, kw_only=True)",
        ),
        ("criteria", mine("Criterion", over="from ._helpr import f"), "imports ._helpr, which is not there"),
        (
            "criteria",
            mine("Criterion", over="from prunegrid import Stge"),
            "imports Stge from prunegrid: ",
        ),
        (
            "criteria",
            f"@dataclass(frozen=True)\n{FIELD}",
            "is a @dataclass(frozen=True); right is @dataclass(frozen=True, kw_only=True)",
        ),
        (
            "criteria",
            mine("Criterion", over="from prunegrid.criteria import Nrom"),
            "imports Nrom from prunegrid.criteria, which does not define it",
        ),
        (
            "criteria",
            mine("Criterion", over="from prunegrid.randomness import seed"),
            "imports seed from prunegrid.randomness, which does not define it",
        ),
        ("criteria", COMPUTED, "Mine.stochastic is not False: it is read without importing the file"),
        (
            "strategies",
            mine("Strategy", "cuts(self, n_layers, strength)"),
            "has cuts(self, n_layers, strength",
        ),
        (
            "strategies",
            mine("Strategy", "cuts(self, n_layers, strength)"),
            "right is cuts(self, strength: flo",
        ),
        ("strategies", mine("Strategy", "solve(self, ratio, n_layers)"), "right is solve(self, ratio: float"),
        ("strategies", mine("Strategy"), "Mine lacks the method cuts(self, strength: float, n_layers: int)"),
        ("benchmarks", adapter(), "Mine lacks the method task(self, row: Row) -> Task"),
        (
            "benchmarks",
            adapter("task(self, row)", attributes=""),
            "lacks the class attribute `scorer: ClassVar",
        ),
        ("benchmarks", adapter("task(self, row)", attributes="scorer = 'pop'\n"), "did you mean 'pope'?"),
        ("scorers", scorer(), "Mine lacks the method rows(self, predictions"),
        ("scorers", scorer(attributes=""), "lacks the class attribute `headline_variant: ClassVar[str]`"),
        ("scorers", scorer(base="ChoiceScorer"), "Mine lacks the method rules(self)"),
        ("models", mine("Family", "layers(self)"), "Mine has layers(self); right is layers(self, model: Pre"),
    ],
)
def test_a_mistake_is_told_with_its_file(outside: Path, kind: str, text: str, fault: str) -> None:
    file = write(outside, kind, text)
    told = "\n".join(code_faults(kind, "mine"))
    assert told.startswith(f"{file}: ")
    assert fault in told


@pytest.mark.parametrize(
    ("kind", "text", "changes"),
    [
        ("strategies", mine("Strategy"), {"strategies": ["mine"]}),
        ("criteria", mine("Criterion"), {"criteria": ["mine"]}),
        ("criteria", mine("Criterion"), {"criterion_specs": {"attention": {"options": {"deep": "mine"}}}}),
        ("benchmarks", adapter(), {"benchmark_specs": {"b": {"adapter": "mine", "path": "x.jsonl"}}}),
    ],
)
def test_what_the_configuration_uses_is_checked(outside: Path, kind: str, text: str, changes: dict) -> None:
    write(outside, kind, text)
    validate(configuration(), SCHEMA)
    with pytest.raises(ConfigError, match="Mine lacks the method"):
        validate(configuration(**changes), SCHEMA)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("[(1, 1 - strength), (2, 'x')]", "returned .* where a share is no number; right is"),
        ("5", "returned 5, which is no list of"),
        ("[(-1, 1 - strength)]", r"where a layer is not among 0\.\.7"),
        ("[(8, 1 - strength)]", r"where a layer is not among 0\.\.7"),
        ("[(1.5, 1 - strength)]", "where a layer is no whole number"),
        ("[(4, 1 - strength), (2, 0)]", "where layers do not ascend"),
        ("[(2, 2 * (1 - strength))]", "where a share is not between 0 and 1"),
        ("[(2, 1 - strength), (4, 1)]", "larger than the one before"),
        ("[(2, strength)]", "at strength 0 remove 0.750 of .* only 0.562: what is removed must not decrease"),
        ("[(2, 1 / 0)]", r"cuts\(strength=0, n_layers=8\) fails: ZeroDivisionError: division by zero"),
    ],
)
def test_cuts_are_tried_before_the_run(outside: Path, body: str, fault: str) -> None:
    file = write(
        outside,
        "strategies",
        mine("Strategy", "cuts(self, strength, n_layers)", body=f"return {body}"),
    )
    config = validate(configuration(strategies=["mine"]), SCHEMA)
    with pytest.raises(ConfigError, match=fault) as told:
        expand(config, {"m": 8})
    assert str(file) in str(told.value)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("Schedule(n_layers, ((n_layers, 0.5),))", r"where a layer is not among 0\.\.7"),
        ("[(1, 0.5)]", "fails: AttributeError"),
        ("Schedule(n_layers, ((1, ratio / 0),))", "fails: ZeroDivisionError"),
    ],
)
def test_a_solution_is_checked(outside: Path, body: str, fault: str) -> None:
    file = write(outside, "strategies", mine("Strategy", SOLVE, body=f"return {body}"))
    config = validate(configuration(strategies=["mine"]), SCHEMA)
    with pytest.raises(ConfigError, match=fault) as told:
        expand(config, {"m": 8})
    assert str(file) in str(told.value)


def test_a_file_that_cannot_be_imported_is_named(outside: Path) -> None:
    file = write(outside, "strategies", mine("Strategy", "cuts(self, a, b)", over="import no_such_package"))
    with pytest.raises(ConfigError, match=r"cannot be imported: ModuleNotFoundError: .*no_such_p") as told:
        validate(configuration(strategies=["mine"]), SCHEMA)
    assert str(file) in str(told.value)


def test_folders_that_cannot_be_used_are_refused(outside: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigError, match=rf"'nowhere' is no folder: looked for {tmp_path}/nowhere, {HOME}/no"
    ):
        use_plugins(["nowhere"], HOME)
    (outside / "criterion").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"holds no plug-in: .*criteria/.*found the subfolders criterion"):
        use_plugins("[outside]", HOME)


def test_a_name_that_exists_twice_is_refused(outside: Path, tmp_path: Path) -> None:
    ours = write(outside, "criteria", mine("Criterion"))
    theirs = tmp_path / "theirs/criteria/mine.py"
    shutil.copytree(outside, tmp_path / "theirs")
    with pytest.raises(ConfigError, match=f"'mine' exists twice, in {ours} and {theirs}: rename"):
        use_plugins([str(outside), str(tmp_path / "theirs")], HOME)
    norm = plugins.PACKAGE / "criteria/norm.py"
    with pytest.raises(ConfigError, match=f"'norm' exists twice, in {norm} and {outside}"):
        write(outside, "criteria", mine("Criterion"), name="norm")


def test_a_helper_is_no_plugin_and_is_imported_by_relative_name(outside: Path) -> None:
    over = "from ._helper import LAYER\nfrom ..shared import SHARE"
    cuts = "cuts(self, strength, n_layers)"
    write(outside, "strategies", mine("Strategy", cuts, over=over, body="return [(LAYER, SHARE)]"))
    write(outside, "strategies", "LAYER = 3\n", name="_helper")
    (outside / "shared.py").write_text("SHARE = 0.5\n")
    assert "_helper" not in plugins.names("strategies")
    assert plugins.build("strategies", "mine").cuts(0.5, 8) == [(3, 0.5)]


def test_a_mistake_in_a_helper_is_told(outside: Path) -> None:
    write(outside, "criteria", mine("Criterion", "score(self, s)", over="from ._helper import f"))
    helper = write(outside, "criteria", "from prunegrid.randomness import seed\nf = seed\n", name="_helper")
    (told,) = code_faults("criteria", "mine")
    assert told.startswith(f"{helper}: imports seed from prunegrid.randomness")


def test_folders_that_a_user_exported_stand(outside: Path, monkeypatch) -> None:
    write(outside, "criteria", mine("Criterion", "score(self, s)"))
    for nothing in ([], "[a"):
        use_plugins(nothing, HOME)
        assert "mine" in plugins.names("criteria")


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What is remembered of installed packages is found anew."""
    remembered = (imports.announced, plugin_folders._announced)
    for one in remembered:
        one.cache_clear()
    yield
    for one in remembered:
        one.cache_clear()


def test_an_installed_package_announces_its_folder(outside, tmp_path, forgotten, monkeypatch) -> None:
    installed, over = tmp_path / "site-packages", "from some_package.numbers import LAYER"
    cuts = mine("Strategy", "cuts(self, strength, n_layers)", over=over, body="return [(LAYER, 0.5)]")
    file = installed / "some_package/grid/strategies/mine.py"
    file.parent.mkdir(parents=True)
    file.write_text(HEADS["strategies"] + cuts)
    (installed / "some_package/__init__.py").touch()
    (installed / "some_package/numbers.py").write_text("LAYER = 3\n")
    metadata = installed / "some_package-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: some_package\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[prunegrid.plugins]\nmine = some_package.grid\n")
    monkeypatch.syspath_prepend(str(installed))
    assert plugins.path("strategies", "mine") == file
    assert plugins.build("strategies", "mine").cuts(0.5, 8) == [(3, 0.5)]
    assert installed / "some_package/numbers.py" in Code().closure(file)


def test_the_family_of_a_model_is_checked(outside: Path, tmp_path: Path) -> None:
    model = shutil.copytree(HOME / "demo/model", tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "mine"}))
    write(outside, "models", mine("Family", "layers(self, model)"))
    inputs = StudyInputs({"model_specs": {"m": {"path": str(model)}}}, HOME)
    check_model(inputs, "m")
    write(outside, "models", mine("Family", "layers(self)"))
    with pytest.raises(ConfigError, match=r"mine\.py: Mine has layers\(self\); right is layers\(self, model"):
        check_model(inputs, "m")
