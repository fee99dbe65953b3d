"""What surrounds Java: its options, the locale, folders, and a program that dies."""

import gc
import threading
from pathlib import Path

import pytest

from prunegrid.errors import DataError
from prunegrid.scoring.captions import java, meteor
from prunegrid.scoring.captions.ptb import tokenize
from tests.workflow.faults import check


def test_options_and_locale_of_the_user_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a heap of 1 MB the program dies."""
    for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"):
        monkeypatch.setenv(name, "-Xmx1m")
    monkeypatch.setenv("LC_ALL", "C")
    assert tokenize([["A CITY IN Café"]]) == [["a city in café"]]


def test_a_jar_below_a_folder_with_an_accent_is_found_in_any_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prunegrid.scoring.captions import ptb

    folder = tmp_path / "envé"
    folder.mkdir()
    (folder / "ptb.jar").symlink_to(ptb._JAR)
    monkeypatch.setattr(ptb, "_JAR", folder / "ptb.jar")
    monkeypatch.setenv("LC_ALL", "C")
    assert tokenize([["A cat"]]) == [["a cat"]]


def test_javas_own_words_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    command = java.command
    monkeypatch.setattr(java, "command", lambda *a: command("-Xmx1k", *a))
    with pytest.raises(DataError) as refused:
        tokenize([["A cat"]])
    check("Java dies while captions are scored", str(refused.value), 0)
    assert "Too small maximum heap" in str(refused.value)


def test_meteor_that_dies_ends_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job waited for ever: what ends pycocoevalcap's wrapper waits for a lock that its error holds."""
    command = java.command
    monkeypatch.setattr(java, "command", lambda *a: command(*(x.replace("-Xmx2G", "-Xmx24m") for x in a)))
    told: list[str] = []

    def score() -> None:
        try:
            with meteor.scorer() as running:
                running.compute_score({0: ["a cat"]}, {0: ["a cat"]})
        except DataError as error:
            told.append(str(error))
        gc.collect()

    # A thread, so that the test fails where it would wait for ever.
    thread = threading.Thread(target=score, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert told
    check("Java dies while captions are scored", told[0], 1)
    assert "OutOfMemoryError" in told[0]
