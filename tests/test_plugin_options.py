"""Options of plug-ins are named: one that is given by its place would mean another."""

from dataclasses import fields, is_dataclass

import pytest

from prunegrid import plugins
from prunegrid.criteria.gradient import Gradient
from prunegrid.option_types import option_faults

LEAVES = [(kind, name) for kind in ("criteria", "strategies", "scorers") for name in plugins.names(kind)]


@pytest.mark.parametrize(("kind", "name"), LEAVES)
def test_every_option_is_named(kind, name):
    plugin = plugins.load(kind, name)
    assert is_dataclass(plugin)
    assert all(field.kw_only for field in fields(plugin))
    with pytest.raises(TypeError, match="positional argument"):
        plugin(4)


def test_a_number_does_not_reverse_a_gradient():
    with pytest.raises(TypeError):
        Gradient(4)
    assert Gradient(answer_tokens=4).reverse is False


def test_what_is_not_known_of_types_is_not_checked():
    types = {"how": "Literal['a', 'b'] | None", "odd": "Literal[A]", "some": "Literal['a', 'b']"}
    assert option_faults({"how": "c", "odd": "c", "some": "b"}, types) == {}
    assert option_faults({"some": "c"}, types) == {"some": "'c' is not one of a, b"}
