"""The model card of an exported folder: what it is, how to use it, what it came from, and under what licences."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from earwitness import __version__

if TYPE_CHECKING:
    from earwitness.desta.checkpoint import Card

UNKNOWN = "see its own card"
_USE = """\
```python
import soundfile
from transformers import AutoModel

model = AutoModel.from_pretrained("{name}", trust_remote_code=True)
samples, rate = soundfile.read("clip.wav", dtype="float32")  # mono, 16 kHz, at most 30 s
message = {{"role": "user", "content": "<|AUDIO|>\\n\\nDescribe the audio."}}
print(model.respond([message], [samples], transcripts=["the words of the clip, if somebody speaks"]))
```

or behind gRPC, with a transcriber of its own:

    earwitness serve lalm --set checkpoint={name}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """What a card is made of."""

    name: str
    card: "Card"
    """Of the checkpoint."""
    parts: Mapping[str, str]
    """What the folder itself holds."""
    merged: bool
    """Whether the LLM's weights hold what were adapters."""
    rows: Path | None
    sources: Mapping[str, Path]
    """The folders of encoder and LLM."""


def markdown(described: Described) -> str:
    """Returns the card: the same model, the same text."""
    return "\n".join(_lines(described)) + "\n"


def licence_of(name: str, folder: Path) -> str:
    """Returns the licence of a model's weights: of the embedded models, of the catalogue, or of the folder's own card.

    Where none of them knows it, `UNKNOWN`.
    """
    from earwitness.catalogue import systems
    from earwitness.embedded import EMBEDDED

    if name in EMBEDDED:
        return EMBEDDED[name].licence
    known = (system.licence for system in systems() if name.partition("@")[0] == system.source)
    if licence := next(known, ""):
        return licence
    readme = folder / "README.md"
    lines = readme.read_text(encoding="utf-8", errors="replace").splitlines() if readme.is_file() else []
    stated = (line.removeprefix("license:").strip() for line in lines if line.startswith("license:"))
    return next(stated, UNKNOWN)


def _lines(described: Described) -> Iterator[str]:
    config = described.card.named or described.card.config
    licences = {part: licence_of(getattr(config, part), folder) for part, folder in described.sources.items()}
    yield "---"
    yield "library_name: transformers"
    yield "pipeline_tag: audio-text-to-text"
    yield f"base_model: [{', '.join(json.dumps(name) for name in (config.llm, config.encoder))}]"
    yield "license: other"
    yield f"license_name: {json.dumps('that of the parts: ' + '; '.join(sorted(set(licences.values()))))}"
    yield "tags: [earwitness, desta, audio]"
    yield "---"
    yield f"# {described.name}"
    yield ""
    yield f"An audio language model: the encoder of `{config.encoder}` hears, a trained connector puts what it heard"
    yield f"into {config.num_queries} vectors a clip, and `{config.llm}` reads them (DeSTA2.5-Audio, arXiv:2507.02768)."
    yield ""
    yield "## Use"
    yield ""
    yield _USE.format(name=described.name)
    yield "It answers greedily; clips over 30 s are refused. `<|AUDIO|>` is a mark in a message and no token: the"
    yield "tokenizer is the LLM's own, and nothing was added to it."
    yield ""
    yield "## Parts and licences"
    yield ""
    yield "| part | from | here | licence |"
    yield "|---|---|---|---|"
    for part in ("encoder", "llm"):
        here = f"`{described.parts[part]}/`" if part in described.parts else "by name"
        changed = ", with the adapters in its weights" if part == "llm" and described.merged else ""
        yield f"| {part} | `{getattr(config, part)}`{changed} | {here} | {licences[part]} |"
    yield "| connector | trained | `model.safetensors` | whoever trained it decides |"
    yield f"| code | Earwitness {__version__} | `*.py` | Apache-2.0 |"
    yield from _made(described)
    yield from _data(described.rows)


def _made(described: Described) -> Iterator[str]:
    card = described.card
    yield ""
    yield "## Lineage"
    yield ""
    yield f"Fingerprint of what was trained: `{card.fingerprint}`"
    yield ""
    yield "```json"
    yield json.dumps(dict(card.extra), indent=1, ensure_ascii=False, sort_keys=True)
    yield "```"


def _data(rows: Path | None) -> Iterator[str]:
    """Sums up the data card beside the rows, if there is one."""
    yield ""
    yield "## Data"
    yield ""
    path = rows / "card.json" if rows else None
    if path is None or not path.is_file():
        yield "No data card came with it. The hash of the rows stands under Lineage."
        return
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for title, key in (("rows", "rows"), ("dropped", "dropped"), ("data sets", "datasets"), ("instructions", "kinds")):
        counts = cast("dict[str, int]", card.get(key, {}))
        if counts:
            yield f"- {title}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items())
    yield ""
    yield "The targets are what the LLM itself said about the clips' descriptions: see `earwitness train card`."
