"""Recordings with sure metadata that Debian packages install: Sonic Pi's samples and Asterisk's English prompts.

    sonic-pi-samples             CC0-1.0       drums, guitars, bells, vinyl; the package's own names say what they are
    asterisk-core-sounds-en-wav  CC-BY-SA-3.0  a woman's voice (Allison Smith); asterisk-core-sounds-en has the words

What each Sonic Pi sample is called in a description stands in `recordings.yaml`; one that is not there is left out.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from earwitness.errors import InvalidInput, NotFound
from services.trainer.manifest import Kind

SONIC_PI = Path("/usr/share/sonic-pi/samples")
"""Where Debian's `sonic-pi-samples` installs."""
ASTERISK = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
"""Where Debian's `asterisk-core-sounds-en-wav` installs."""
PACKAGES = ("sonic-pi-samples", "asterisk-core-sounds-en-wav")
LONGEST_S = 30.0
"""What Whisper hears at once."""
WORDS_PACKAGE = "asterisk-core-sounds-en"
WORDS = "core-sounds-en.txt"
_NAMES = Path(__file__).with_name("recordings.yaml")
_CREDIT = re.compile(r"\* `:(\w+)`\s*-\s*(https?://\S*freesound\.org/people/([^/]+)/\S+)")
_PROMPT = re.compile(r"([\w/-]+): ([^\[\]@]*\w[^\[\]@]*)")
_FEWEST_WORDS = 3
"""Shorter prompts are digits and letters, to be put together to sentences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A file and what is known of it."""

    path: Path
    kind: Kind
    attributes: Mapping[str, str]
    dataset: str
    licence: str
    """An SPDX identifier."""
    source: str
    transcript: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The recordings at hand, and the packages without which there are no others."""

    recordings: tuple[Recording, ...]
    missing: tuple[str, ...]


def find(*, sonic_pi: Path | None = None, asterisk: Path | None = None) -> Found:
    """Returns the recordings of the packages that are installed, or unpacked in the folders given.

    Raises NotFound for a folder that was given and does not hold them.
    """
    known: list[Recording] = []
    missing: list[str] = []
    sources = ((PACKAGES[0], "--sonic-pi", sonic_pi, SONIC_PI), (PACKAGES[1], "--asterisk", asterisk, ASTERISK))
    for package, option, given, usual in sources:
        folder = given or usual
        found = list(_samples(folder) if package == PACKAGES[0] else _prompts(folder))
        if given and not found:
            text = f"holds no recording of {package}"
            raise NotFound(text, f"{option} {given}", "give the folder of its files, or leave the option away")
        known += found
        missing += [] if found else [_wanted(folder) if package == PACKAGES[1] else package]
    return Found(recordings=tuple(known), missing=tuple(missing))


def choose(recordings: Iterable[Recording], most: int, *, seed: int) -> tuple[Recording, ...]:
    """Returns at most so many recordings, the same for a seed, of every data set as evenly as may be."""
    if most < 0:
        raise InvalidInput("must be at least 0", "--recordings", "0 leaves them away")
    by_dataset: dict[str, list[Recording]] = {}
    for recording in sorted(recordings, key=lambda each: _order(each, seed)):
        by_dataset.setdefault(recording.dataset, []).append(recording)
    in_turn = chain.from_iterable(zip_longest(*(by_dataset[name] for name in sorted(by_dataset))))
    return tuple(recording for recording in in_turn if recording)[:most]


def digest(recordings: Sequence[Recording]) -> str:
    """Returns a hash of the recordings and what is known of them; "" of none."""
    if not recordings:
        return ""
    hashed = hashlib.sha256()
    for each in recordings:
        known = (each.dataset, each.path.name, each.kind, each.transcript, *each.attributes.items())
        hashed.update(repr(known).encode() + hashlib.sha256(each.path.read_bytes()).digest())
    return hashed.hexdigest()


def _samples(folder: Path) -> Iterator[Recording]:
    """Yields what is named of Sonic Pi's samples; its README puts all under CC0 and names each one's page."""
    import yaml

    readme = folder / "README.md"
    credited = _CREDIT.findall(readme.read_text(encoding="utf-8")) if readme.is_file() else []
    # The README and the files do not agree on every underscore.
    owed = {name.replace("_", ""): (url, author.replace("%20", " ")) for name, url, author in credited}
    named: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(_NAMES.read_text())
    for kind, samples in (("music", named["music"]), ("sound", named["sound"])):
        for name, said in samples.items():
            path, (url, author) = folder / f"{name}.flac", owed.get(name.replace("_", ""), ("", ""))
            if not url or not _is_short(path):
                continue
            label, *rest = said.items()
            yield Recording(
                path=path,
                kind="music" if kind == "music" else "sound",
                attributes={label[1]: "", **dict(rest)},
                dataset=PACKAGES[0],
                licence="CC0-1.0",
                source=f"{path.name}, {author} on freesound.org, {url}",
            )


def _prompts(folder: Path) -> Iterator[Recording]:
    """Yields Asterisk's prompts of some words."""
    for name, words in sorted(_words(folder).items()):
        path = folder / f"{name}.wav"
        if len(words.split()) >= _FEWEST_WORDS and _is_short(path):
            yield Recording(
                path=path,
                kind="speech",
                attributes={"Gender": "Female", "Recording": "telephone prompt"},
                dataset=PACKAGES[1],
                licence="CC-BY-SA-3.0",
                source=f"{name}.wav, Allison Smith, with support from Digium, Inc.",
                transcript=words,
            )


def _words(folder: Path) -> dict[str, str]:
    """Returns the words of each prompt, from beside the prompts or from where their package puts them."""
    for place in (folder, *(parent / "doc" / WORDS_PACKAGE for parent in folder.parents[2:3])):
        for path in (place / WORDS, place / f"{WORDS}.gz"):
            if path.is_file():
                data = path.read_bytes()
                text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
                found = (_PROMPT.fullmatch(line.strip()) for line in text.splitlines())
                return {match[1]: " ".join(match[2].split()) for match in found if match}
    return {}


def _is_short(path: Path) -> bool:
    """Says whether a file is there, and short enough by its header."""
    import soundfile

    return path.is_file() and soundfile.info(path).duration <= LONGEST_S


def _wanted(folder: Path) -> str:
    """Returns the packages of the prompts that are not there: the sounds, their words, or both."""
    sounds = [] if folder.is_dir() else [PACKAGES[1]]
    return " ".join([*sounds, *([] if _words(folder) else [WORDS_PACKAGE])]) or PACKAGES[1]


def _order(recording: Recording, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{recording.dataset}:{recording.path.stem}".encode()).digest()
