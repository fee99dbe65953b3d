"""Files that repeat facts about the project repeat the same ones."""

import re
import tomllib
from pathlib import Path

import yaml

HOME = Path(__file__).parents[2]


def read(name: str) -> str:
    return (HOME / name).read_text(encoding="utf-8")


def test_the_citation_and_the_changelog_name_the_version():
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == version
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", read("CHANGELOG.md"), re.M)
    assert released[0] == (version, str(citation["date-released"]))


def test_the_guide_to_the_configuration_names_every_key():
    keys = yaml.safe_load(read("workflow/schemas/config.schema.yaml"))["properties"]
    table = read("config/README.md").split("## The keys")[1]
    assert set(re.findall(r"`(\w+)`", table)) == set(keys)
