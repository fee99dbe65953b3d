"""A class that is imported from the folder of its kind counts as the file that defines it."""

from prunegrid.plugins import class_source, path
from prunegrid.source.imports import files_of, imports_in

OWN = """
from dataclasses import dataclass

from prunegrid.criteria import EvenlySpaced


@dataclass(frozen=True, kw_only=True)
class Own(EvenlySpaced):
    power: float = 1.0
"""


def test_a_plugin_may_derive_from_a_class_of_a_folder(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    source = class_source("criteria", file)
    assert source.name == "Own"
    assert path("criteria", "grid") in [one.file for one in source.lineage()]
    (imported,) = [one for one in imports_in(file) if one.name == "EvenlySpaced"]
    assert files_of(file, imported) == {path("criteria", "grid")}
