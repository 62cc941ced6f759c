"""The DeSTA engine: encoder, connector and recogniser in torch, the language model in vLLM by prompt embeddings."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from earwitness import __version__
from earwitness.batcher import Batcher
from earwitness.desta.splice import Message, Spliced, Splicer
from earwitness.errors import InvalidInput
from earwitness.identity import identify
from earwitness.sampling import Generation, Sampling
from services.lalm import choices as options
from services.lalm.adapted import AdaptedEngine
from services.lalm.config import LalmConfig
from services.lalm.engine import ChoiceScore, ClipIn

if TYPE_CHECKING:
    import torch

CLIPS_AT_ONCE = 8
"""Clips heard by one call. A GPU encodes them together, after which the last bits of a clip's vectors depend on the
others; a CPU one by one, since there a batch gains nothing but memory traffic, and the vectors are those of the clip
alone."""


class DestaEngine:
    """A trained DeSTA connector between a speech encoder and a language model."""

    def __init__(self, config: LalmConfig) -> None:
        """Loads the checkpoint and the models that it names; raises what `earwitness.desta.checkpoint` raises.

        Adapters in the LLM are vLLM's to apply: its weights stay those of the backbone.
        """
        import torch
        from transformers import AutoTokenizer

        from earwitness.desta import checkpoint
        from earwitness.desta.model import Perception
        from earwitness.models import ModelRef, resolve
        from earwitness.transcriber import Transcriber

        assert config.checkpoint is not None  # LalmConfig refuses that
        threads = config.threads or len(os.sched_getaffinity(0))
        torch.set_num_threads(threads)
        card = checkpoint.read_card(config.checkpoint)
        encoder = resolve(ModelRef.parse(card.config.encoder), hub_token_file=config.hub_token_file)
        llm = resolve(ModelRef.parse(card.config.llm), hub_token_file=config.hub_token_file)
        self._desta = replace(card.config, encoder=str(encoder), llm=str(llm))
        self._engine = AdaptedEngine(llm, self._desta, config.vllm)
        self._table = _embedding_table(llm, getattr(torch, self._desta.dtype))
        connector, adapter = checkpoint.load(config.checkpoint, _shape(encoder), self._table.embedding_dim)
        if adapter:
            self._engine.adapt(adapter)
        self._device = config.device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._perception = Perception.load(self._desta, connector).eval().to(self._device)
        tokenizer: Any = AutoTokenizer.from_pretrained(llm)
        self._splicers = {
            thinking: Splicer(tokenizer, replace(self._desta, template_options={"enable_thinking": thinking}))
            for thinking in (False, True)
        }
        whisper = resolve(ModelRef.parse(config.whisper)) if config.whisper else encoder
        self._transcriber = Transcriber(whisper, num_threads=threads, device=self._device)
        self._heard: Batcher[ClipIn, tuple[torch.Tensor, str]] = Batcher(self._hear, CLIPS_AT_ONCE)
        identity = identify(
            card.config.llm,
            llm,
            engine=f"desta {__version__}, {self._engine.version}",
            dtype=self._desta.dtype,
            context_tokens=self._engine.max_model_len,
            connector=card.fingerprint or checkpoint.fingerprint(connector),
            whisper=config.whisper,
            long_audio="" if config.long_audio == "refuse" else config.long_audio,
        )
        self.identity = replace(identity, lineage=checkpoint.lineage(card))

    async def listen(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], sampling: Sampling, *, thinking: bool
    ) -> tuple[Generation, list[str]]:
        """See ListenEngine."""
        embeddings, transcripts = await self._prompt(messages, clips, thinking=thinking)
        return await self._engine.generate(embeddings, sampling), transcripts

    async def score(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], choices: Sequence[str]
    ) -> tuple[list[ChoiceScore], list[str]]:
        """See ListenEngine."""
        embeddings, transcripts = await self._prompt(messages, clips, thinking=False)
        splicer = self._splicers[False]
        answers = [splicer.answer_ids(choice) for choice in choices]

        async def after(answered: Sequence[int], ids: Sequence[int]) -> dict[int, float]:
            return await self._engine.next_logprobs(self._extend(embeddings, answered), ids)

        return await options.score(answers, after), transcripts

    def stop(self) -> None:
        """See ListenEngine."""
        self._engine.stop()

    def _hear(self, clips: "Sequence[ClipIn]") -> "list[tuple[torch.Tensor, str]]":
        """Encodes clips, and transcribes those that come without a transcript; the vectors are on the CPU."""
        import torch

        silent = [clip.clip for clip in clips if clip.transcript is None]
        written = iter(self._transcriber.transcribe(silent))
        transcripts = [next(written).text if clip.transcript is None else clip.transcript for clip in clips]
        with torch.inference_mode():
            samples = [clip.clip.samples for clip in clips]
            batches = [[one] for one in samples] if self._device == "cpu" else [samples]
            vectors = [self._perception(self._perception.hear(batch)).cpu() for batch in batches]
        return list(zip(torch.cat(vectors), transcripts, strict=True))

    async def _prompt(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], *, thinking: bool
    ) -> "tuple[torch.Tensor, list[str]]":
        """Returns the prompt's embeddings, of shape `(tokens, width)`, and the transcripts."""
        heard = await asyncio.gather(*[self._heard.submit(clip) for clip in clips])
        transcripts = [transcript for _, transcript in heard]
        prompt = await asyncio.to_thread(self._splicers[thinking].splice, messages, transcripts)
        if len(prompt.ids) >= self._engine.max_model_len:
            # Before a page of embeddings is made for it.
            problem = f"{len(prompt.ids)} tokens leave no room in a context of {self._engine.max_model_len}"
            raise InvalidInput(problem, "messages", "shorten the conversation, or serve with a larger max_model_len")
        return await asyncio.to_thread(self._embed, prompt, [vectors for vectors, _ in heard]), transcripts

    def _embed(self, prompt: Spliced, vectors: "Sequence[torch.Tensor]") -> "torch.Tensor":
        import torch

        from earwitness.desta.model import embed, lay_out

        with torch.inference_mode():
            return embed(self._table, lay_out([prompt]), torch.stack(list(vectors)) if vectors else None)[0].clone()

    def _extend(self, embeddings: "torch.Tensor", ids: Sequence[int]) -> "torch.Tensor":
        """Returns the embeddings of a prompt and of what was answered to it."""
        import torch

        with torch.inference_mode():
            return torch.cat([embeddings, self._table(torch.tensor(ids, dtype=torch.long))])


def _embedding_table(llm: Any, dtype: "torch.dtype") -> "torch.nn.Embedding":
    """Reads the language model's input embeddings, and nothing else of it, from its safetensors."""
    import msgspec
    import torch
    from safetensors import safe_open

    index = llm / "model.safetensors.index.json"
    names: dict[str, str] = msgspec.json.decode(index.read_bytes())["weight_map"] if index.is_file() else {}
    for file in sorted({*names.values()} or {path.name for path in llm.glob("*.safetensors")}):
        with safe_open(llm / file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (the file is no mapping)
                if name.endswith("embed_tokens.weight"):
                    return torch.nn.Embedding.from_pretrained(tensors.get_tensor(name).to(dtype))
    raise InvalidInput("has no tensor named *.embed_tokens.weight", str(llm), "use a decoder-only model in safetensors")


def _shape(encoder: Any) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(encoder)
