"""The DeSTA engine: encoder, connector and recogniser in torch, the language model in vLLM by prompt embeddings."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from earwitness import __version__
from earwitness.audio import Clip
from earwitness.batcher import Batcher
from earwitness.desta.splice import Message, Spliced, Splicer
from earwitness.identity import Identity, identify
from earwitness.sampling import Generation, Sampling
from services.lalm.config import LalmConfig

if TYPE_CHECKING:
    import torch

CLIPS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipIn:
    """A clip to hear; a transcript of None lets the engine transcribe."""

    clip: Clip
    transcript: str | None = None


class ListenEngine(Protocol):
    """Answers conversations that hold clips."""

    identity: Identity

    async def listen(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], sampling: Sampling, *, thinking: bool
    ) -> tuple[Generation, list[str]]:
        """Answers a conversation; returns the transcripts that stood beside the clips too."""
        ...

    def stop(self) -> None:
        """Frees what the engine holds."""
        ...


class DestaEngine:
    """A trained DeSTA connector between a speech encoder and a language model."""

    def __init__(self, config: LalmConfig) -> None:
        """Loads the checkpoint and the models that it names."""
        import torch
        from transformers import AutoTokenizer

        from earwitness.desta import checkpoint
        from earwitness.desta.model import Perception
        from earwitness.engines.vllm import VllmEngine
        from earwitness.models import ModelRef, resolve
        from earwitness.transcriber import Transcriber

        threads = config.threads or len(os.sched_getaffinity(0))
        torch.set_num_threads(threads)
        card = checkpoint.read_card(config.checkpoint)
        encoder = resolve(ModelRef.parse(card.config.encoder), hub_token_file=config.hub_token_file)
        llm = resolve(ModelRef.parse(card.config.llm), hub_token_file=config.hub_token_file)
        self._desta = replace(card.config, encoder=str(encoder), llm=str(llm))
        self._engine = VllmEngine(llm, replace(config.vllm, dtype=self._desta.dtype), prompt_embeds=True)
        self._table = _embedding_table(llm, getattr(torch, self._desta.dtype))
        self._perception = Perception.load(
            self._desta, checkpoint.load_connector(config.checkpoint, _shape(encoder), self._table.embedding_dim)
        ).eval()
        tokenizer: Any = AutoTokenizer.from_pretrained(llm)
        self._splicers = {
            thinking: Splicer(tokenizer, replace(self._desta, template_options={"enable_thinking": thinking}))
            for thinking in (False, True)
        }
        whisper = resolve(ModelRef.parse(config.whisper)) if config.whisper else encoder
        self._transcriber = Transcriber(whisper, num_threads=threads)
        self._heard: Batcher[ClipIn, tuple[torch.Tensor, str]] = Batcher(self._hear, CLIPS_AT_ONCE)
        self.identity = identify(
            card.config.llm,
            llm,
            engine=f"desta {__version__}, {self._engine.version}",
            dtype=self._desta.dtype,
            context_tokens=self._engine.max_model_len,
            connector=card.fingerprint or "",
            whisper=config.whisper,
        )

    async def listen(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], sampling: Sampling, *, thinking: bool
    ) -> tuple[Generation, list[str]]:
        """See ListenEngine."""
        import asyncio

        heard = await asyncio.gather(*[self._heard.submit(clip) for clip in clips])
        transcripts = [transcript for _, transcript in heard]
        prompt = self._splicers[thinking].splice(messages, transcripts)
        embeddings = self._embed(prompt, [vectors for vectors, _ in heard])
        return await self._engine.generate(embeddings, sampling), transcripts

    def stop(self) -> None:
        """See ListenEngine."""
        self._engine.stop()

    def _hear(self, clips: "Sequence[ClipIn]") -> "list[tuple[torch.Tensor, str]]":
        """Encodes clips together, and transcribes those that come without a transcript."""
        import torch

        silent = [clip.clip for clip in clips if clip.transcript is None]
        written = iter(self._transcriber.transcribe(silent))
        transcripts = [next(written).text if clip.transcript is None else clip.transcript for clip in clips]
        with torch.inference_mode():
            vectors = self._perception(self._perception.hear([clip.clip.samples for clip in clips]))
        return list(zip(vectors, transcripts, strict=True))

    def _embed(self, prompt: Spliced, vectors: "Sequence[torch.Tensor]") -> "torch.Tensor":
        """Returns the prompt's embeddings, of shape `(tokens, width)`."""
        import torch

        from earwitness.desta.model import embed, lay_out

        with torch.inference_mode():
            return embed(self._table, lay_out([prompt]), torch.stack(list(vectors)) if vectors else None)[0].clone()


def _embedding_table(llm: Any, dtype: "torch.dtype") -> "torch.nn.Embedding":
    """Reads the language model's input embeddings, and nothing else of it, from its safetensors."""
    import msgspec
    import torch
    from safetensors import safe_open

    from earwitness.errors import InvalidInput

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
