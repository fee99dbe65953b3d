"""Plug-ins, one file each: methods of the field as published, each a strategy and a criterion with options.

It may import `study`, and files of the package's root.

Every class can be imported from here (`from prunegrid.methods import FastV`): its file is then looked up.
"""

from prunegrid import plugins


def __getattr__(name: str) -> type:
    return plugins.load_class("methods", name)


def __dir__() -> list[str]:
    return sorted({*globals(), *plugins.class_names("methods")})
