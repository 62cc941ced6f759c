"""The files that a build writes and reads: FLAC clips, JSON rows, and the page of licences."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tools.mini_mmau.clips import LICENCES, SAMPLE_RATE, Clip, Samples, Source, peaked

TERMS = {
    "CC0-1.0": "CC0 1.0, https://creativecommons.org/publicdomain/zero/1.0/: no conditions.",
    "Apache-2.0": "Apache 2.0, as the rest of this repository: synthesised for it.",
    "CC-BY-SA-3.0": "CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/: name the author and share alike.",
}


PAGE = """# Sources and licences of the clips

A clip is under the strictest licence among its sources, as its `licence` in `provenance.jsonl` says. The clips `mix-*`
belong to `mini-mmar`. Recordings were cut, joined, mixed and resampled to 16 kHz mono. Those of Sonic Pi are under CC0
by the README of Debian's package `sonic-pi-samples`, those of Asterisk under CC BY-SA 3.0 by the copyright file of
`asterisk-core-sounds-en-wav`. The programs espeak-ng (GPL-3.0-or-later) and flite (a BSD-like licence) made speech;
their licences cover the programs and not what they speak. No MBROLA voice is used.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A finished clip as anybody reads it back from its file."""

    samples: Samples
    sha256: str
    """Of the samples as little-endian 16-bit integers, hex; it does not depend on the FLAC encoder."""

    @property
    def duration_s(self) -> float:
        return round(len(self.samples) / SAMPLE_RATE, 3)


def read_clip(path: Path) -> Written:
    """Returns the samples of a 16 kHz mono file in -1..1; raises `ValueError` for any other."""
    integers, rate = soundfile.read(path, dtype="int16")
    if rate != SAMPLE_RATE or integers.ndim != 1:
        raise ValueError(f"{path}: is not 16 kHz mono")
    return Written(samples=integers / 32768, sha256=hashlib.sha256(integers.astype("<i2").tobytes()).hexdigest())


def write_clip(path: Path, clip: Clip) -> Written:
    """Writes a clip as 16-bit FLAC with its peak at 0.7, padded with silence to one second, and reads it back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = peaked(clip).samples
    samples = np.concatenate([samples, np.zeros(max(0, SAMPLE_RATE - len(samples)))])
    soundfile.write(path, np.round(samples * 32767).astype(np.int16), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return read_clip(path)


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def heard_before(*paths: Path) -> dict[str, str]:
    """Returns what the recogniser heard in earlier builds, by the hash of the clip's samples."""
    rows = [row for path in paths if path.exists() for row in read_lines(path)]
    return {row["samples_sha256"]: row["recogniser"] for row in rows if "recogniser" in row}


def licences(clips: Iterable[Clip], ids: Iterable[str]) -> str:
    """Returns the page, in Markdown, that names every source with its licence, its author and the clips it is in."""
    used: dict[Source, list[str]] = defaultdict(list)
    for clip, id_ in zip(clips, ids, strict=True):
        for source in clip.sources:
            used[source].append(id_)
    lines = [PAGE]
    for licence in LICENCES:
        lines += [
            f"## {licence}",
            "",
            TERMS[licence],
            "",
            "| source | credit | page | clips |",
            "|---|---|---|---|",
        ]
        sources = sorted((s for s in used if s.licence == licence), key=lambda s: (s.dataset, s.name))
        lines += [f"| `{s.dataset}`: {s.name} | {s.credit} | {s.url or '-'} | {', '.join(used[s])} |" for s in sources]
        lines.append("")
    return "\n".join(lines)
