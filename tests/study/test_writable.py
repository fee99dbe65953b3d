"""Folders that cannot be written are told before a run, whichever of the results they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prunegrid.errors import ConfigError
from prunegrid.study.writable import check_records, check_writable
from tests.workflow.faults import check

# What root may do beyond what others may.
PRIVILEGES = "-dac_override,-dac_read_search,-fowner,-chown"
RUN = """
import sys
from prunegrid.study.writable import check_records, check_writable
{call}
"""


def told(folder: Path, call: str) -> str:
    """Return what a check says of a folder, without root's privileges."""
    command = [sys.executable, "-c", RUN.format(call=call), str(folder)]
    if os.geteuid() == 0:
        command = ["setpriv", f"--bounding-set={PRIVILEGES}", "--inh-caps=-all", *command]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stderr.strip().rpartition("ConfigError: ")[2]


def take_away(folder: Path) -> None:
    """Make a folder another user's, or where we may not, one that is not written."""
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    folder.chmod(0o555)


@pytest.mark.parametrize("below", ["demo/tables", "demo/own/.store", "logs/predict"])
def test_a_folder_below_the_results_is_told(tmp_path, below):
    (tmp_path / "results" / below).mkdir(parents=True)
    call = "check_writable(sys.argv[1] + '/results', sys.argv[1] + '/resources')"
    assert told(tmp_path, call) == ""
    take_away(tmp_path / "results" / below)
    message = told(tmp_path, call)
    check("a folder of the results is read-only, or another user's", message)
    assert f"{tmp_path / 'results' / below} cannot be written (Permission denied)" in message
    assert ("it is of user" in message) == (os.geteuid() == 0)


def test_what_rules_make_beside_the_results_counts(tmp_path):
    (tmp_path / "resources/demo").mkdir(parents=True)
    take_away(tmp_path / "resources/demo")
    message = told(tmp_path, "check_writable(sys.argv[1] + '/results', sys.argv[1] + '/resources')")
    assert f"{tmp_path}/resources/demo cannot be written" in message


def test_a_dry_run_makes_no_folder(tmp_path):
    check_writable(tmp_path / "results", tmp_path / "resources", make=False)
    assert not (tmp_path / "results").exists()
    check_writable(tmp_path / "results", tmp_path / "resources")
    assert (tmp_path / "results").is_dir()
    with pytest.raises(ConfigError, match=r"^results_dir: /proc/results cannot be written: \[Errno"):
        check_writable("/proc/results", tmp_path / "resources")


@pytest.mark.parametrize("folder", [".snakemake", ".snakemake/metadata", "."])
def test_a_project_of_another_user_is_told(tmp_path, folder):
    project = tmp_path / "project"
    (project / folder).mkdir(parents=True)
    assert told(project, "check_records(sys.argv[1])") == ""
    take_away(project / folder)
    message = told(project, "check_records(sys.argv[1])")
    check("the project is another user's", message)
    assert f"{project / folder} cannot be written" in message


def test_a_project_of_ones_own_is_not_touched(tmp_path):
    check_records(tmp_path)
    assert not list(tmp_path.iterdir())
