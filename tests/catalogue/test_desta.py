"""Each backbone's architecture with a DeSTA connector, tiny and untrained, in the real engine on a CPU: its greedy
text about a clip is that of transformers.
"""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from earwitness.audio import Clip, from_samples
from earwitness.desta.splice import MARK, Message, Splicer
from earwitness.engines.options import VllmOptions
from earwitness.sampling import Sampling
from services.lalm.config import LalmConfig
from services.lalm.engine import ClipIn, ListenEngine, open_engine
from tests.catalogue import hearing, tiny

pytestmark = [pytest.mark.catalogue, pytest.mark.asyncio(loop_scope="module")]

# One of each shape of the eight backbones that were given ears.
NAMES = ("Qwen3-8B", "Qwen2.5-7B", "Phi-4-14B", "Phi-4-mini-4B", "OLMo-3-7B", "Llama-3.1-8B")
MESSAGES = [Message(role="user", content=f"{MARK}What do you hear?", audios=("clip",))]
TOKENS = 16


class Served(NamedTuple):
    """A tiny LALM in transformers and in the service's engine."""

    tokenizer: Any
    splicer: Splicer
    model: Any
    engine: ListenEngine


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=NAMES)
async def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    import torch
    from transformers import AutoTokenizer

    from earwitness.desta import checkpoint
    from earwitness.desta.config import DestaConfig
    from earwitness.desta.connector import Connector
    from earwitness.desta.model import DestaModel

    folder = tmp_path_factory.mktemp("lalm")
    encoder, llm = folder / "encoder", folder / "llm"
    whisper = hearing.whisper(encoder)
    tiny.text_model(request.param, llm)
    config = DestaConfig(encoder=str(encoder), llm=str(llm), num_queries=8, qformer_layers=1, intermediate_width=64)
    torch.manual_seed(0)
    connector = Connector(config, whisper.config, tiny.SMALL["hidden_size"]).eval()
    checkpoint.save(folder / "checkpoint", connector, config, {})
    options = VllmOptions(max_model_len=tiny.CONTEXT // 2, max_num_seqs=4)
    engine = open_engine(LalmConfig(checkpoint=folder / "checkpoint", vllm=options))
    tokenizer = AutoTokenizer.from_pretrained(llm)
    yield Served(tokenizer, Splicer(tokenizer, config), DestaModel.load(config, connector).eval(), engine)
    engine.stop()


async def test_the_text_about_a_clip_is_that_of_transformers(served: Served, speech_clip: tuple[Clip, str]) -> None:
    clip, words = speech_clip
    heard = [ClipIn(clip=clip, transcript=words)]
    answer, transcripts = await served.engine.listen(MESSAGES, heard, Sampling(max_tokens=TOKENS), thinking=False)
    prompt = served.splicer.splice(MESSAGES, [words])
    taps = served.model.perception.hear([clip.samples])
    (ids,) = served.model.generate([prompt], taps, eos=served.tokenizer.eos_token_id, max_new_tokens=TOKENS)
    assert transcripts == [words]
    assert answer.text == served.tokenizer.decode(ids, skip_special_tokens=True) != ""
    assert answer.prompt_tokens == len(prompt.ids)


async def test_another_clip_is_another_answer(served: Served, speech_clip: tuple[Clip, str]) -> None:
    clip, words = speech_clip
    backwards = from_samples(clip.samples[::-1])
    one, other = [
        await served.engine.score(MESSAGES, [ClipIn(clip=each, transcript=words)], ["rain", "(A) the violin"])
        for each in (clip, backwards)
    ]
    assert one != other
