"""Builds `mini-mmau` and `mini-mmar`: clips, questions in the formats of MMAU and MMAR, and the proof of every answer.

    python -m tools.mini_mmau.build --whisper FOLDER

needs Debian's espeak-ng, flite, sonic-pi-samples and asterisk-core-sounds-en-wav; the same versions of these give the
same files. A build fails where the measurement of the finished clip does not give the answer. Without `--whisper` it
takes over what the recogniser heard in the last build, for clips that are still the same.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.mini_mmau import files, recordings
from tools.mini_mmau.clips import Clip
from tools.mini_mmau.files import Written
from tools.mini_mmau.measure import take, verdict
from tools.mini_mmau.questions import mixes, music, sound, voices, words
from tools.mini_mmau.questions.question import LAYERS, Question
from tools.mini_mmau.recogniser import Recogniser, heard

DATA = Path("services/evaluator/data")
SEED = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A question with its id, its shuffled choices and its finished clip."""

    id: str
    task: str
    question: Question
    choices: tuple[str, ...]
    written: Written

    @property
    def answer(self) -> str:
        return self.question.choices[0]


def shuffled(questions: Iterable[Question], seed: int) -> list[tuple[str, ...]]:
    """Returns the choices of each question with the right one in a random place, each place used about as often."""
    rng, used, result = random.Random(seed), Counter[int](), list[tuple[str, ...]]()
    for question in questions:
        wrong = list(question.choices[1:])
        rng.shuffle(wrong)
        place = min(range(len(question.choices)), key=lambda k: (used[k], rng.random()))
        used[place] += 1
        result.append((*wrong[:place], question.choices[0], *wrong[place:]))
    return result


def mmau_row(placed: Placed) -> dict[str, Any]:
    """Returns the row of MMAU's JSON, keys in its order."""
    return {
        "id": placed.id,
        "audio_id": f"./audio/{placed.id}.flac",
        "question": placed.question.text,
        "choices": list(placed.choices),
        "answer": placed.answer,
        "dataset": placed.question.clip.sources[0].dataset,
        "task": placed.task,
        "split": "mini",
        "category": placed.question.category,
        "sub-category": placed.question.skill,
        "difficulty": placed.question.difficulty,
    }


def mmar_row(placed: Placed) -> dict[str, Any]:
    """Returns the row of MMAR's JSON lines, keys in its order; the clip's whole length is its timestamp."""
    question, deep = placed.question, placed.question.deep
    if deep is None:
        raise ValueError(f"{placed.id}: has no reasoning to write down")
    points = [(f"Cue {k}", f"Mentions {cue}.") for k, cue in enumerate(deep.cue, start=1)]
    points.append(("Conclusion", f"Concludes from what is heard that the answer is: {placed.answer}."))
    first = question.clip.sources[0]
    return {
        "id": placed.id,
        "audio_path": f"{'./audio' if question.modality else '../mini-mmau/audio'}/{placed.id}.flac",
        "question": question.text,
        "choices": list(placed.choices),
        "answer": placed.answer,
        "modality": question.modality or placed.task,
        "category": LAYERS[deep.skill],
        "sub-category": deep.skill,
        "language": "en" if question.transcript else None,
        "source": first.dataset,
        "url": first.url,
        "timestamp": f"00:00:00,00:00:{-int(-placed.written.duration_s // 1):02d}",
        "thinking": deep.thinking,
        "cue": list(deep.cue),
        "rubric": [
            {"name": name, "scoring_point": point, "note": "Any wording of the same meaning counts.", "choices": [0, 1]}
            for name, point in points
        ],
    }


class Prover:
    """Takes every question's measurement on its finished clip and compares it with the answer."""

    def __init__(self, whisper: Path | None, before: dict[str, str]) -> None:
        self._recogniser = Recogniser(whisper) if whisper else None
        self._before = before

    def records(self, items: list[Placed]) -> dict[str, dict[str, Any]]:
        """Returns the provenance of each item by id; raises one `ValueError` with a line for each unproved."""
        found, errors = dict[str, dict[str, Any]](), list[str]()
        for item in items:
            try:
                found[item.id] = self.record(item)
            except ValueError as error:
                errors.append(f"{item.id}: {error}")
        if errors:
            raise ValueError("\n".join(errors))
        return found

    def record(self, placed: Placed) -> dict[str, Any]:
        """Returns the provenance of an item; raises `ValueError` where measurement and answer disagree."""
        question, written = placed.question, placed.written
        words = self._hear(placed) if question.transcript else ""
        measured = question.measured
        by_choice = dict(zip(question.choices, measured.expected, strict=True))
        if measured.what == "transcript":
            value, found = words, heard(words, by_choice)
        else:
            value = take(measured.what, written.samples, measured.arguments)
            found = verdict(value, by_choice)
        if found != placed.answer:
            raise ValueError(
                f"{placed.id}: {measured.what} is {value}, hence {found}, not {placed.answer}: {by_choice}"
            )
        record = {
            "id": placed.id,
            "verified_by": question.verified_by,
            "source": "; ".join(f"{source.dataset}/{source.name}" for source in question.clip.sources),
            "licence": question.clip.licence,
            "credit": "; ".join(dict.fromkeys(source.credit for source in question.clip.sources)),
            "recorded": any(source.recorded for source in question.clip.sources),
            "duration_s": written.duration_s,
            "samples_sha256": written.sha256,
            "measurement": {
                "what": measured.what,
                "arguments": measured.arguments,
                "value": value,
                "by_choice": by_choice,
                "agrees": True,
            },
        }
        return record | ({"transcript": question.transcript, "recogniser": words} if question.transcript else {})

    def _hear(self, placed: Placed) -> str:
        if self._recogniser:
            return self._recogniser.transcribe(placed.written.samples)
        if placed.written.sha256 not in self._before:
            raise ValueError("has speech that no recogniser has heard (pass --whisper FOLDER)")
        return self._before[placed.written.sha256]


def place(task: str, questions: list[Question], folder: Path, seed: int) -> list[Placed]:
    """Writes the clips of one task and returns its questions with ids `task-01`, `task-02` and so on."""
    choices = shuffled(questions, seed)
    ids = [f"{task}-{k:02d}" for k in range(1, len(questions) + 1)]
    return [
        Placed(
            id=id_,
            task=task,
            question=question,
            choices=order,
            written=files.write_clip(folder / f"{id_}.flac", question.clip),
        )
        for id_, question, order in zip(ids, questions, choices, strict=True)
    ]


def build(data: Path, samples: Path, prompts: Path, whisper: Path | None) -> None:
    """Writes both benchmarks under `data`."""
    sample, prompt = recordings.SonicPi(samples), recordings.Asterisk(prompts)
    mmau, mmar = data / "mini-mmau", data / "mini-mmar"
    prover = Prover(whisper, files.heard_before(mmau / "provenance.jsonl", mmar / "provenance.jsonl"))
    asked = {
        "sound": sound.questions(sample),
        "music": music.questions(sample),
        "speech": [*words.questions(prompt), *voices.questions(prompt)],
    }
    items = [item for k, task in enumerate(asked) for item in place(task, asked[task], mmau / "audio", SEED + k)]
    mixed = place("mix", mixes.questions(sample), mmar / "audio", SEED + len(asked))
    records = prover.records([*items, *mixed])
    deep = [item for item in items if item.question.deep] + mixed

    files.write_json(mmau / "mini-mmau.json", [mmau_row(item) for item in items])
    files.write_lines(mmau / "provenance.jsonl", [records[item.id] for item in items])
    files.write_lines(mmar / "MMAR-meta.jsonl", [mmar_row(item) for item in deep])
    files.write_lines(mmar / "provenance.jsonl", [records[item.id] for item in deep])
    clips: list[Clip] = [item.question.clip for item in [*items, *mixed]]
    (mmau / "LICENSES.md").write_text(files.licences(clips, [item.id for item in [*items, *mixed]]), encoding="utf-8")


def main() -> int:
    """Runs the build from the command line; returns 1 with one line on stderr where an answer is not proved."""
    parser = argparse.ArgumentParser(description="Builds mini-mmau and mini-mmar.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the benchmarks")
    parser.add_argument("--samples", type=Path, default=recordings.SAMPLES, help="folder of Sonic Pi's samples")
    parser.add_argument("--prompts", type=Path, default=recordings.PROMPTS, help="folder of Asterisk's English prompts")
    parser.add_argument("--whisper", type=Path, help="folder of Whisper tiny.en, to check words")
    options = parser.parse_args()
    try:
        build(options.data, options.samples, options.prompts, options.whisper)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
