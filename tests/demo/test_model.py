"""The committed model loads like one from the hub, and training lays out what it will later generate."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from transformers import AutoModelForImageTextToText, AutoProcessor

from prunegrid.data.prompt_texts import CAPTION, yes_no
from prunegrid.demo.architecture import IMAGE_TOKENS
from prunegrid.demo.drawing import render
from prunegrid.demo.evaluate import answer_prompts, object_f1
from prunegrid.demo.muon import orthogonalise
from prunegrid.demo.packing import IGNORED, Packer
from prunegrid.demo.phase import Phase, Run, run_phase
from prunegrid.demo.scene import named_rng, sample_scene
from prunegrid.demo.tower_phase import pixel_values
from prunegrid.demo.turns import Turn

MODEL = Path(__file__).parents[2] / "demo" / "model"
TURNS = [
    Turn(yes_no("Is there a red ring in the image?"), "yes"),
    Turn(CAPTION, "The image shows a red ring."),
]


@pytest.fixture(scope="module")
def processor():
    return AutoProcessor.from_pretrained(MODEL)


@pytest.fixture(scope="module")
def model():
    return AutoModelForImageTextToText.from_pretrained(MODEL).eval()


@pytest.fixture(scope="module")
def image():
    rng = named_rng("model test", 0)
    return render(sample_scene(rng), rng)


def test_checkpoint_is_small_and_shaped_as_documented(model):
    assert (MODEL / "model.safetensors").stat().st_size <= 16e6
    assert model.config.text_config.num_hidden_layers == 8
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_processor_uses_the_pil_backend(processor):
    assert type(processor.image_processor).__name__ == "CLIPImageProcessorPil"


def test_chat_template_is_llavas(processor):
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Why?"}]}]
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True)
    assert prompt == "USER: <image>\nWhy? ASSISTANT:"


@pytest.mark.parametrize("text", ["héllo wörld \u4f60\u597d \U0001f642", "\x00\t weird\r\n", ""])
def test_any_text_survives_the_tokenizer(processor, text):
    ids = processor.tokenizer.encode(text, add_special_tokens=False)
    assert processor.tokenizer.decode(ids) == text


@pytest.mark.parametrize("letter", "ABCD")
def test_answer_letters_are_single_tokens(processor, letter):
    assert len(processor.tokenizer.encode(letter, add_special_tokens=False)) == 1


def test_image_becomes_100_tokens_normalised_as_in_training(processor, image):
    inputs = processor(images=Image.fromarray(image), text="USER: <image>\nx ASSISTANT:", return_tensors="pt")
    assert (inputs["input_ids"] == processor.tokenizer.convert_tokens_to_ids("<image>")).sum() == IMAGE_TOKENS
    own = pixel_values(image[None], processor.image_processor.image_mean, processor.image_processor.image_std)
    torch.testing.assert_close(inputs["pixel_values"], own)


@pytest.mark.parametrize("number", range(len(TURNS)))
def test_packed_segment_equals_the_prompt_alone(processor, model, image, number):
    pixels = pixel_values(
        image[None], processor.image_processor.image_mean, processor.image_processor.image_std
    )
    packed = Packer(processor, 200).pack([TURNS])
    with torch.no_grad():
        together = model.model(
            input_ids=packed.input_ids,
            pixel_values=pixels,
            attention_mask=packed.attention_mask,
            position_ids=packed.position_ids,
        ).last_hidden_state[0]
        prompt = f"USER: <image>\n{TURNS[number].text} ASSISTANT:"
        alone = model.model(
            **processor(images=Image.fromarray(image), text=prompt, return_tensors="pt")
        ).last_hidden_state[0, -1]
    first = processor.tokenizer.encode(TURNS[number].answer, add_special_tokens=False)[0]
    asked = (packed.targets[0] == first).nonzero()[0, 0]
    torch.testing.assert_close(together[asked], alone, atol=1e-4, rtol=1e-4)


def test_targets_spell_the_answers(processor):
    packed = Packer(processor, 200).pack([TURNS])
    said = packed.targets[0][packed.targets[0] != IGNORED]
    assert processor.tokenizer.decode(said) == "yes</s>The image shows a red ring.</s>"


def test_packer_keeps_to_its_budget(processor):
    packer = Packer(processor, 60)
    assert packer.pack([TURNS * 5]).input_ids.shape[1] <= len(packer.prefix) + 60


def test_left_padded_batch_answers_as_single_prompts(processor, model, image):
    images, texts = [Image.fromarray(image)] * 2, [TURNS[0].text, CAPTION]
    together = answer_prompts(model, processor, images, texts)
    alone = [answer_prompts(model, processor, [i], [t])[0] for i, t in zip(images, texts, strict=True)]
    assert together == alone


def test_generation_stops_at_the_end_token(processor, model, image):
    answer = answer_prompts(model, processor, [Image.fromarray(image)], [TURNS[0].text])
    assert answer[0] in ("yes", "no")


def test_object_f1():
    assert object_f1("a red ring and a blue cross.", "There is a red ring and a gray cross.") == 0.5


def test_orthogonalise_brings_singular_values_near_one():
    values = torch.linalg.svdvals(
        orthogonalise(torch.from_numpy(np.random.default_rng(0).normal(size=(2, 8, 24))))
    )
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_a_resumed_stage_ends_as_an_unbroken_one(tmp_path):
    def train(folder: Path, *stops: int) -> torch.Tensor:
        for stop in stops:
            torch.manual_seed(0)
            module = nn.Linear(3, 1)
            optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)

            def loss_of(step, module=module):
                loss = module(torch.full((1, 3), float(step))).square().mean()
                return loss, {"loss": loss.item()}

            phase = Phase("toy", stop, warmup=100)
            run_phase(phase, module, [optimizer], loss_of, Run(0, folder))
        return module.weight.detach()

    torch.testing.assert_close(train(tmp_path / "broken", 4, 9), train(tmp_path / "whole", 9))
