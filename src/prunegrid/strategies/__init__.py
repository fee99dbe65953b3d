"""Plug-ins, one file each: before which decoder layers image tokens are dropped, and how many.

It may import `pruning`, and files of the package's root.

Every class can be imported from here (`from prunegrid.strategies import Hierarchical`): its file is then
looked up.
"""

from prunegrid import plugins


def __getattr__(name: str) -> type:
    return plugins.load_class("strategies", name)


def __dir__() -> list[str]:
    return sorted({*globals(), *plugins.class_names("strategies")})
