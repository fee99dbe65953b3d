"""docs/faults.md: a test looks for every message that it promises, and the tests that it names exist."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.docs.pages import HOME, codes, tables, text
from tests.workflow.faults import promised

TESTS = HOME / "tests"


def checks() -> Iterator[tuple[str, set[int] | None]]:
    """Yield the fault and the numbers of messages, None for all, of each `check(fault, output, *numbers)`."""
    for file in TESTS.rglob("test_*.py"):
        source = file.read_text()
        if "from tests.workflow.faults import" not in source:
            continue
        for call in ast.walk(ast.parse(source)):
            match call:
                case ast.Call(ast.Name("check"), [ast.Constant(str(fault)), _, *numbers]):
                    told = {one.value for one in numbers if isinstance(one, ast.Constant)}
                    # A parameter of the test stands for each of them.
                    yield fault, told if numbers and len(told) == len(numbers) else None


def test_every_message_is_looked_for():
    faults = promised()
    found = defaultdict(set)
    for fault, numbers in checks():
        found[fault] |= set(range(len(faults[fault]))) if numbers is None else numbers
    assert {fault: set(range(len(messages))) for fault, messages in faults.items()} == found


def test_the_tests_that_are_named_exist():
    _, attacks = tables(text("faults.md"))
    assert len(attacks) > 30
    for fault, told in attacks:
        assert codes(told), fault
        for test in codes(told):
            file, name = test.split("::")
            assert f"\ndef {name}(" in (TESTS / file).read_text(), test
