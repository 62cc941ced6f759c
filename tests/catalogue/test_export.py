"""A checkpoint and its export in the LALM service's engine: the greedy text about a clip is that of transformers,
adapters and all.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.audio import Clip
from earwitness.desta.config import DestaConfig, LoraConfig
from earwitness.desta.splice import MARK, Message, Splicer
from earwitness.engines.options import VllmOptions
from earwitness.sampling import Sampling
from services.lalm.config import LalmConfig
from services.lalm.engine import ClipIn, open_engine
from services.trainer.export.folder import export
from tests.catalogue import families, hearing, tiny

pytestmark = pytest.mark.catalogue

MESSAGES = [Message(role="user", content=f"{MARK}\n\nWhat do you hear?", audios=("clip",))]
TOKENS = 16


@pytest.mark.parametrize("name", ["Llama-3.1-8B", "Phi-4-mini-4B"])
@pytest.mark.parametrize(
    ("lora", "exported"),
    [(None, True), (LoraConfig(rank=4), True), (LoraConfig(rank=4), False)],
    ids=["plain", "adapters merged", "adapters as they are"],
)
async def test_the_service_says_what_the_checkpoint_does(
    name: str, lora: LoraConfig | None, exported: bool, tmp_path: Path, speech_clip: tuple[Clip, str]
) -> None:
    import torch
    from transformers import AutoTokenizer

    from earwitness import models
    from earwitness.desta import adapters, checkpoint
    from earwitness.desta.connector import Connector
    from earwitness.desta.model import DestaModel

    encoder, llm = tmp_path / "encoder", tmp_path / "llm"
    whisper = hearing.whisper(encoder)
    families.model(name, llm)
    config = DestaConfig(encoder=str(encoder), llm=str(llm), num_queries=8, qformer_layers=1, intermediate_width=64)
    config = replace(config, lora=lora)
    torch.manual_seed(0)
    model = DestaModel.load(config, Connector(config, whisper.config, tiny.SMALL["hidden_size"])).eval()
    values = adapters.tensors(model.llm)
    for value in values.values():
        value.data.normal_(std=0.1)
    made = {"run": "r1", "data": {"train_rows": "ab"}}
    folder = tmp_path / "checkpoint"
    checkpoint.save(folder, model.perception.connector, config, made, adapter=values)
    if exported:
        folder = export(folder, tmp_path / "exported")
    clip, words = speech_clip
    tokenizer = AutoTokenizer.from_pretrained(llm)
    prompt = Splicer(tokenizer, config).splice(MESSAGES, [words])
    taps = model.perception.hear([clip.samples])
    (ids,) = model.generate([prompt], taps, eos=tokenizer.eos_token_id, max_new_tokens=TOKENS)
    engine = open_engine(
        LalmConfig(checkpoint=folder, vllm=VllmOptions(max_model_len=tiny.CONTEXT // 2, max_num_seqs=4))
    )
    try:
        heard = [ClipIn(clip=clip, transcript=words)]
        answer, _ = await engine.listen(MESSAGES, heard, Sampling(max_tokens=TOKENS), thinking=False)
    finally:
        engine.stop()
    assert answer.text == tokenizer.decode(ids, skip_special_tokens=True) != ""
    assert engine.identity.lineage == {"run": "r1", "data.train_rows": "ab"}
    assert exported or engine.identity.weights == models.fingerprint(llm)
