"""Captioners that ask a model: their settings, and a vendor's server that is asked over real HTTP."""

import base64
from pathlib import Path

import pytest

from earwitness import audio
from earwitness.clients import CaptionerClient
from earwitness.config import convert, to_tree
from earwitness.errors import InvalidInput, NotFound, Overloaded
from earwitness.media import Sources
from services.captioner.asked import OpenAiCaptioner
from services.captioner.config import CaptionerConfig
from services.captioner.servicer import CaptionerServicer
from tests import sounds
from tests.earwitness.openai.conftest import vendor  # noqa: F401
from tests.earwitness.openai.vendor import KEY_ENV, Vendor, said
from tests.serving import serving

CLIP = sounds.encode(sounds.tone(440, 0.5))


@pytest.fixture
def catalogue(vendor: Vendor, tmp_path: Path) -> Path:  # noqa: F811
    file = tmp_path / "endpoints.yaml"
    entry = f"{{base_url: {vendor.url}/v1, model: model-1, key_env: {KEY_ENV}"
    names = ("ears: {}, audio: true}}", "my-captioner: {}, audio: true}}", "deaf: {}}}")
    file.write_text("\n".join(name.format(entry) for name in names))
    return file


def settings(catalogue, **changes):
    return CaptionerConfig(**{"engine": "openai", "model": "ears", "endpoints_file": catalogue, **changes})


async def test_a_clip_goes_out_as_sound_and_the_answer_is_the_caption(vendor, catalogue):  # noqa: F811
    vendor.body = said("A tone.")
    async with serving(CaptionerServicer(settings(catalogue, prompt="Describe it.")), CaptionerClient) as client:
        assert (await client.caption(CLIP)).text == "A tone."
        await client.caption(CLIP, "Is it loud?")
    contents = [body["messages"][0]["content"] for body in vendor.bodies]
    assert [content[1]["text"] for content in contents] == ["Describe it.", "Is it loud?"]
    sent = audio.decode(base64.b64decode(contents[0][0]["input_audio"]["data"]))
    assert sent.sha256 == audio.decode(CLIP).sha256


async def test_a_long_clip_is_described_part_by_part(vendor, catalogue):  # noqa: F811
    vendor.body = said("A tone.")
    long = sounds.encode(sounds.tone(440, 45))
    async with serving(CaptionerServicer(settings(catalogue)), CaptionerClient) as client:
        assert (await client.caption(long)).text == "0-30 s: A tone.\n30-45 s: A tone."
    async with serving(CaptionerServicer(settings(catalogue, window_seconds=60)), CaptionerClient) as client:
        assert (await client.caption(long)).text == "A tone."


async def test_a_captioner_that_takes_audio_alone_is_asked_nothing(vendor, catalogue):  # noqa: F811
    engine = OpenAiCaptioner(settings(catalogue, model="my-captioner"))
    clip = audio.decode(CLIP)
    await engine.describe(clip, "")
    assert [part["type"] for part in vendor.bodies[0]["messages"][0]["content"]] == ["input_audio"]
    with pytest.raises(InvalidInput, match="prompt: my-captioner takes audio alone"):
        await engine.describe(clip, "Is it loud?")
    with pytest.raises(InvalidInput, match="takes audio alone"):
        settings(catalogue, model="Qwen/Qwen3-Omni-30B-A3B-Captioner@main", prompt="Describe it.")
    await engine._client.close()


async def test_a_vendors_refusal_arrives_as_what_it_is(vendor, catalogue):  # noqa: F811
    async with serving(CaptionerServicer(settings(catalogue)), CaptionerClient) as client:
        vendor.status = 429
        with pytest.raises(Overloaded):
            await client.caption(CLIP)


def test_a_model_that_is_unknown_or_deaf_is_refused_at_the_start(vendor, catalogue):  # noqa: F811
    with pytest.raises(NotFound):
        OpenAiCaptioner(settings(catalogue, model="nobody"))
    with pytest.raises(InvalidInput, match="takes no audio"):
        OpenAiCaptioner(settings(catalogue, model="deaf"))


def test_what_changes_captions_changes_the_fingerprint(vendor, catalogue):  # noqa: F811
    changes = [{}, {"prompt": "Describe it."}, {"window_seconds": 60}, {"long_audio": "refuse"}]
    engines = [OpenAiCaptioner(settings(catalogue, **change)) for change in changes]
    assert len({engine.identity.fingerprint for engine in engines}) == len(changes)


def test_settings_without_a_model_or_with_a_window_that_whisper_cannot_hear_are_refused():
    for engine in ("vllm", "openai"):
        with pytest.raises(InvalidInput, match="model: is missing"):
            CaptionerConfig(engine=engine)
    for seconds in (0, 31):
        with pytest.raises(InvalidInput, match="window_seconds"):
            CaptionerConfig(window_seconds=seconds)


def test_settings_pass_through_a_serve_configuration():
    config = CaptionerConfig(engine="vllm", model="./m", sources=Sources(folders=(Path("/clips"),), buckets=("b/",)))
    assert convert(CaptionerConfig, to_tree(config)) == config
