"""A tiny model in vLLM itself: no server, and the same answers however it is asked."""

import pytest

from earwitness.engines.options import VllmOptions
from earwitness.sampling import Sampling
from services.llm.config import LlmConfig
from services.llm.vllm_engine import VllmTextEngine
from services.trainer.distil import Plan, distil
from services.trainer.offline import at_hand
from tests.catalogue import tiny
from tests.services.trainer.conftest import sample

pytestmark = pytest.mark.catalogue
SAMPLES = [sample(number, transcript="Hello there." if number % 2 else "") for number in range(12)]
SAMPLED = Sampling(max_tokens=12, temperature=0.9, top_p=0.95, seed=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("qwen3")
    tiny.text_model("Qwen3-4B", made)
    return made


async def distilled(backbone, out, samples=SAMPLES) -> dict[str, bytes]:
    asked = Plan(samples=samples, dataset="noises", per_sample=2, sampling=SAMPLED)
    await distil(backbone, asked, out, lambda split, count: lambda done, total: None)
    return {path.name: path.read_bytes() for path in sorted(out.glob("train*.jsonl"))}


async def test_an_offline_model_answers_the_same_at_any_width_and_is_the_service_s_model(folder, tmp_path):
    wide = at_hand(str(folder), VllmOptions(), in_flight=64)
    try:
        whole = await distilled(wide, tmp_path / "wide")
        identity = await wide.identity()
        wide.in_flight = 1
        assert await distilled(wide, tmp_path / "one") == whole
    finally:
        await wide.close()
    assert sum(content.count(b"\n") for content in whole.values()) == 24
    served = VllmTextEngine(LlmConfig(model=str(folder)))
    assert served.identity == identity
    served.stop()
