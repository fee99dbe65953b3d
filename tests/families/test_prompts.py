"""Final prompts of every family and benchmark, word for word as in `fixtures/prompts`; one first token."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from prunegrid import plugins
from prunegrid.data.adapter import Sample
from prunegrid.predict.loading import load_model
from prunegrid.predict.prompts import PromptMaker
from tests.families.checkpoints import RECIPES
from tests.families.pictures import SEVERAL, picture
from tests.families.prompts import CASES, FILES, as_text, from_tokenizer, question
from tests.predict.own_size import NAME, load_own_size

DEMO = Path(__file__).parents[2] / "demo/model"


def kept(family):
    return (FILES / f"{family}.txt").read_text(encoding="utf-8")


def test_every_benchmark_has_a_prompt():
    """But for those of lmms-eval (tests/lmms_tasks), RefCOCO and CHAIR (tests/benchmarks)."""
    own = set(plugins.names("benchmarks")) - {"lmms_eval", "refcoco", "chair"}
    assert {adapter for adapter, *_ in CASES.values()} == own
    for name in own:
        variants = plugins.load("benchmarks", name).prompts
        given = {
            settings.get("prompt", variants[0]) for adapter, settings, *_ in CASES.values() if adapter == name
        }
        assert given == set(variants)


@pytest.mark.parametrize("name", RECIPES)
def test_prompts_of_the_template_alone(name):
    """Without the family's processor: `chat_text` is what `PromptMaker` calls, too."""
    assert as_text(from_tokenizer(name)) == kept(name)


def test_prompts_of_the_whole_processor(family, loaded):
    makers = {system: PromptMaker(loaded, system) for system in ("none", "vicuna_v1")}
    assert as_text({case: makers[CASES[case][3]].chat_text(question(case)) for case in CASES}) == kept(family)


def test_the_demo_model_is_asked_as_llava():
    loaded = load_model(str(DEMO), {})
    makers = {system: PromptMaker(loaded, system) for system in ("none", "vicuna_v1")}
    assert as_text({case: makers[CASES[case][3]].chat_text(question(case)) for case in CASES}) == kept(
        "llava"
    )


@pytest.fixture(scope="module")
def llava(checkpoint):
    return load_model(str(checkpoint("llava")), {})


@pytest.mark.parametrize("written", [False, True])
def test_one_first_token_whoever_writes_it(llava, written, monkeypatch):
    """A tokenizer that adds it, below a template that writes it, too."""
    template = llava.processor.chat_template
    monkeypatch.setattr(llava.processor, "chat_template", ("{{ bos_token }}" if written else "") + template)
    (prompt,) = PromptMaker(llava).prompts([sample()])
    assert prompt.text.startswith("<s>" if written else "USER: ")
    bos = llava.processor.tokenizer.bos_token_id
    assert prompt.input_ids[0] == bos
    assert (prompt.input_ids == bos).sum() == 1


def test_a_picture_mark_in_a_question_is_an_error_row(llava):
    """A second placeholder would stand for a picture that is not there."""
    asked = [sample(), replace(sample(), prompt="What is <image>?"), sample()]
    found = PromptMaker(llava).prompts(asked)
    assert [bool(prompt.error) for prompt in found] == [False, True, False]
    assert "<image>" in found[1].error


def test_what_stands_in_for_a_processor_does_what_it_does(checkpoint):
    """Of `tests.predict.own_size`: the same ids and pixels, of one picture and of several."""
    makers = [PromptMaker(load_model(str(checkpoint(NAME)), {})), PromptMaker(load_own_size())]
    pictures = [picture(file) for file in SEVERAL]
    asked = [
        replace(sample(), image=first.convert("RGB"), more_images=tuple(one.convert("RGB") for one in more))
        for first, *more in (pictures, pictures[:1])
    ]
    for one in asked:
        wanted, found = (maker.prepared(one) for maker in makers)
        assert found.prompt.text == wanted.prompt.text
        assert torch.equal(found.prompt.input_ids, wanted.prompt.input_ids)
        assert found.prompt.grids == wanted.prompt.grids != []
        assert torch.equal(found.pixels["pixel_values"], wanted.pixels["pixel_values"])


def sample():
    return Sample("1", "1", Image.new("RGB", (30, 20), "red"), "What is it?", "What is it?")
