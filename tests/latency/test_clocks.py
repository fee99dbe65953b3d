"""Clocks are what `nvidia-smi` tells; a stand-in answers here."""

import pytest
import torch

from prunegrid.latency.clocks import Clocks, megahertz, query

ANSWER = "NVIDIA A100, 550.54.15, 1410, 1215, 0x0000000000000004, 45, 251.30"


@pytest.fixture
def tool(tmp_path):
    """Return a program that notes its arguments and prints what `answer` holds."""
    file = tmp_path / "nvidia-smi"
    file.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {tmp_path}/answer\n')
    file.chmod(0o755)
    return file


def test_reads_what_the_tool_tells(tool):
    (tool.parent / "answer").write_text(ANSWER)
    read = query(str(tool), "GPU-1")
    assert read == {
        "card": "NVIDIA A100",
        "driver": "550.54.15",
        "clock_mhz": "1410",
        "memory_clock_mhz": "1215",
        "throttle": "0x0000000000000004",
        "celsius": "45",
        "watts": "251.30",
    }
    assert megahertz(read) == 1410
    assert "--id=GPU-1" in (tool.parent / "asked").read_text()


@pytest.mark.parametrize("answer", ["", "No devices were found", "a, b"])
def test_something_else_is_nothing(tool, answer):
    (tool.parent / "answer").write_text(answer)
    assert query(str(tool), "GPU-1") is None


def test_a_clock_that_is_not_told_is_nothing(tool):
    (tool.parent / "answer").write_text(ANSWER.replace("1410", "[N/A]"))
    assert megahertz(query(str(tool), "0")) is None
    assert megahertz(None) is None


def test_a_cpu_has_no_clocks():
    assert Clocks(torch.device("cpu")).read() is None
