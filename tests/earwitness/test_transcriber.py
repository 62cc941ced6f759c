"""Laws of `earwitness.transcriber`, with a real Whisper and a real voice activity detector."""

import re
import shutil

import pytest

from earwitness import audio
from earwitness.errors import InvalidInput, NotFound
from earwitness.transcriber import Transcriber, Transcript, join
from tests import sounds

SILENCE = audio.from_samples(sounds.silence(2))
NOISE = audio.from_samples(sounds.noise(5))


@pytest.fixture(scope="module")
def transcriber(whisper_folder):
    return Transcriber(whisper_folder, num_threads=1)


def words(text):
    return set(re.findall(r"[a-z]+", text.lower()))


@pytest.mark.models
def test_speech_is_written_down(transcriber, speech_clip):
    clip, text = speech_clip
    (transcript,) = transcriber.transcribe([clip])
    assert len(words(transcript.text) & words(text)) >= 0.5 * len(words(text))
    assert transcript.speech
    assert 0.5 * clip.seconds < transcript.speech_seconds <= clip.seconds
    assert transcript.language == "en"


@pytest.mark.models
def test_without_speech_the_transcript_is_blank_and_whisper_does_not_run(transcriber, monkeypatch):
    monkeypatch.setattr(transcriber, "_hear", None)
    clips = [SILENCE, NOISE, audio.from_samples(sounds.tone(440, 3)), audio.from_samples(sounds.tone(440, 0.01))]
    blank = Transcript(text="", speech_seconds=0.0)
    assert transcriber.transcribe(clips) == [blank] * 4
    assert not blank.speech


@pytest.mark.models
def test_a_batch_gives_what_its_clips_give_alone_in_their_order(transcriber, speech_clip):
    clip, _ = speech_clip
    clips = [SILENCE, clip, clip.cut(0, clip.seconds / 2), NOISE, *[clip] * 8]
    assert (
        transcriber.transcribe(clips)
        == [transcriber.transcribe([one])[0] for one in clips[:4]] + [transcriber.transcribe([clip])[0]] * 8
    )


@pytest.mark.models
def test_no_clips_give_no_transcripts(transcriber):
    assert transcriber.transcribe([]) == []


@pytest.mark.models
def test_a_clip_longer_than_the_window_is_refused(transcriber):
    with pytest.raises(InvalidInput, match=r"lasts 30\.5 s"):
        transcriber.transcribe([audio.from_samples(sounds.silence(30.5))])


@pytest.mark.models
def test_the_threads_are_those_asked_for(transcriber):
    import torch

    torch.set_num_threads(2)
    transcriber.transcribe([SILENCE])
    assert torch.get_num_threads() == 1


@pytest.mark.models
def test_a_multilingual_model_detects_or_obeys(whisper_folder, speech_clip, tmp_path):
    folder = multilingual(whisper_folder, tmp_path)
    clip, _ = speech_clip
    detecting = Transcriber(folder, num_threads=1).transcribe([clip, clip, SILENCE])
    assert detecting[0].language == detecting[1].language in {"en", "de", "fr"}
    assert detecting[2].language is None
    obeying = Transcriber(folder, num_threads=1, language="fr").transcribe([clip])
    assert obeying[0].language == "fr"
    with pytest.raises(InvalidInput, match="it knows de, en, fr"):
        Transcriber(folder, language="tlh")


@pytest.mark.models
def test_an_english_model_refuses_another_language(whisper_folder):
    with pytest.raises(InvalidInput, match="it knows en"):
        Transcriber(whisper_folder, language="fr")


@pytest.mark.models
def test_a_folder_without_whisper_is_refused(tmp_path):
    with pytest.raises(NotFound, match="cannot load"):
        Transcriber(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InvalidInput, match="is a gpt2 model"):
        Transcriber(tmp_path)


def test_the_transcript_of_a_clip_is_that_of_its_parts():
    one = Transcript(text="one", speech_seconds=1.0, language="en")
    drei = Transcript(text="zwei drei", speech_seconds=2.0, language="de")
    none = Transcript(text="", speech_seconds=0.0)
    assert join([one, none, drei]) == Transcript(text="one zwei drei", speech_seconds=3.0, language="de")
    assert join([none]) == join([]) == none


def multilingual(whisper_folder, tmp_path):
    """A folder with a small random Whisper that claims three languages; its words are noise, its decoding is real."""
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(0)
    config = WhisperConfig.from_pretrained(
        whisper_folder, encoder_layers=1, decoder_layers=1, d_model=64, encoder_ffn_dim=64, decoder_ffn_dim=64,
        encoder_attention_heads=2, decoder_attention_heads=2,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    start = 50257
    model.generation_config = GenerationConfig(
        decoder_start_token_id=start, eos_token_id=50256, pad_token_id=50256, is_multilingual=True,
        lang_to_id={"<|en|>": start + 1, "<|de|>": start + 4, "<|fr|>": start + 8},
        task_to_id={"translate": 50357, "transcribe": 50358}, no_timestamps_token_id=50362,
    )  # fmt: skip
    model.save_pretrained(tmp_path)
    for name in ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(whisper_folder / name, tmp_path)
    return tmp_path
