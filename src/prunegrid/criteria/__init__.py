"""Plug-ins, one file each: a score per image token; the highest scores are kept.

It may import `pruning`, and files of the package's root.

Every class can be imported from here (`from prunegrid.criteria import Norm`): its file is looked up then.
"""

from prunegrid import plugins


def __getattr__(name: str) -> type:
    return plugins.load_class("criteria", name)


def __dir__() -> list[str]:
    return sorted({*globals(), *plugins.class_names("criteria")})
