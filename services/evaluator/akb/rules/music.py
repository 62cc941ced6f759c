"""The rules of music: spelled pitches, keys, chords, tuning and time.

A spelled pitch class is its place on the line of fifths (... B flat -2, F -1, C 0, G 1, D 2 ... F sharp 6 ...), and an
interval is a difference of places. On that line a chord or a scale is a set of offsets from its root, and a major key's
signature is the place of its tonic (D. Temperley, "The Line of Fifths", Music Analysis 19, 2000). Names are written in
words: "B flat", "minor sixth".
"""

import math
import re
from fractions import Fraction

from services.evaluator.akb.rules.quantity import quantity
from services.evaluator.akb.rules.registry import rule

INTERVALS = {
    "minor second": -5, "major second": 2, "minor third": -3, "major third": 4,
    "perfect fourth": -1, "augmented fourth": 6, "diminished fifth": -6, "perfect fifth": 1, "augmented fifth": 8,
    "minor sixth": -4, "major sixth": 3, "minor seventh": -2, "major seventh": 5,
}  # fmt: skip
CHORDS = {
    "major": (0, 4, 1),
    "minor": (0, -3, 1),
    "diminished": (0, -3, -6),
    "augmented": (0, 4, 8),
    "dominant seventh": (0, 4, 1, -2),
    "major seventh": (0, 4, 1, 5),
    "minor seventh": (0, -3, 1, -2),
    "half-diminished seventh": (0, -3, -6, -2),
    "suspended fourth": (0, -1, 1),
}
SCALES = {
    "major": (0, 2, 4, -1, 1, 3, 5),
    "minor": (0, 2, -3, -1, 1, -4, -2),
    "harmonic minor": (0, 2, -3, -1, 1, -4, 5),
    "dorian": (0, 2, -3, -1, 1, 3, -2),
    "phrygian": (0, -5, -3, -1, 1, -4, -2),
    "lydian": (0, 2, 4, 6, 1, 3, 5),
    "mixolydian": (0, 2, 4, -1, 1, 3, -2),
    "locrian": (0, -5, -3, -1, -6, -4, -2),
    "major pentatonic": (0, 2, 4, 1, 3),
}
INVERSIONS = ("root position", "first inversion", "second inversion", "third inversion")
NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven")
NOTE_VALUES = {
    name: Fraction(1, 2**power) for power, name in enumerate(("whole", "half", "quarter", "eighth", "sixteenth"))
}
GROUPINGS = {2: "duple", 3: "triple", 4: "quadruple"}


def known(name: str, table: dict[str, int]) -> int:
    """The entry of a name, whatever its case; raises `ValueError` if the table has none."""
    if name.lower() not in table:
        raise ValueError(f"{name!r} is none of {', '.join(table)}")
    return table[name.lower()]


def place(note: str) -> int:
    """The place of a note such as "F sharp" on the line of fifths, C being 0; raises `ValueError` if it is no note."""
    match = re.fullmatch(r"([A-G])( sharp| flat)?", note)
    if not match:
        raise ValueError(f"{note!r} is not a note")
    return "FCGDAEB".index(match[1]) - 1 + {None: 0, " sharp": 7, " flat": -7}[match[2]]


def key_place(key: str) -> tuple[int, str]:
    """The tonic and the mode of a key or a triad such as "E flat major"."""
    tonic, _, mode = key.rpartition(" ")
    if mode not in CHORDS:
        raise ValueError(f"{key!r} names no mode")
    return place(tonic), mode


def signature(key: str) -> int:
    """The sharps of a major or minor key's signature, flats being negative."""
    tonic, mode = key_place(key)
    return tonic - 3 if mode == "minor" else tonic


def triad(key: str, degree: int) -> tuple[int, str]:
    """The root and the quality of the triad on a degree, counted from 1, of a major or natural minor key."""
    tonic, mode = key_place(key)
    root, third, fifth = (SCALES[mode][(degree - 1 + step) % 7] for step in (0, 2, 4))
    shapes = {shape: quality for quality, shape in CHORDS.items()}
    return tonic + root, shapes[0, third - root, fifth - root]


@quantity("semitones")
def interval_size(*, interval: str) -> float:
    """The semitones in an interval smaller than an octave."""
    return known(interval, INTERVALS) * 7 % 12


@rule
def interval_between(option: str, *, lower: str, upper: str) -> bool:
    """Whether the option names the interval from one spelled note up to the nearest other."""
    return known(option, INTERVALS) == place(upper) - place(lower)


@rule
def note_above(option: str, *, root: str, interval: str) -> bool:
    """Whether the option is the note an interval above another."""
    return place(option) - place(root) == known(interval, INTERVALS)


@rule
def transposed_down(option: str, *, written: str, interval: str) -> bool:
    """Whether the option is what sounds when an instrument that sounds an interval lower reads a written note."""
    return place(written) - place(option) == known(interval, INTERVALS)


@rule
def inverted_interval(option: str, *, interval: str) -> bool:
    """Whether the option names the inversion of an interval, with which it makes an octave."""
    return known(option, INTERVALS) == -known(interval, INTERVALS)


@rule
def stacked_notes(option: str, *, lowest: str, interval: str) -> bool:
    """Whether the option lists notes, upwards from the lowest, each an interval above the one before."""
    places = [place(note) for note in option.split(", ")]
    return places == [place(lowest) + index * known(interval, INTERVALS) for index in range(len(places))]


@rule
def chord_notes(option: str, *, root: str, chord: str) -> bool:
    """Whether the option lists the notes of a chord, in any order."""
    return sorted(place(note) - place(root) for note in option.split(", ")) == sorted(CHORDS[chord])


@rule
def chord_inversion(option: str, *, root: str, chord: str, bass: str) -> bool:
    """Whether the option names the inversion of a chord that has the given lowest note."""
    return INVERSIONS.index(option.lower()) == CHORDS[chord].index(place(bass) - place(root))


@rule
def diatonic_chords(option: str, *, key: str, degrees: list[int]) -> bool:
    """Whether the option names the triads on the degrees of a key, one after another: "F major to C major"."""
    return [key_place(chord) for chord in option.split(" to ")] == [triad(key, degree) for degree in degrees]


@rule
def key_signature(option: str, *, key: str) -> bool:
    """Whether the option says the signature of a key, as "three sharps"."""
    numeral, accidental = option.lower().rstrip("s").split()
    return signature(key) == NUMERALS.index(numeral) * {"sharp": 1, "flat": -1}[accidental]


@rule
def key_with_signature(option: str, *, sharps: int, mode: str) -> bool:
    """Whether the option is the key of a mode with so many sharps, flats being negative."""
    return signature(option) == sharps and option.endswith(mode)


@rule
def relative_key(option: str, *, key: str) -> bool:
    """Whether the option is the other key with the signature of a key."""
    return option != key and signature(option) == signature(key)


@rule
def scale_degree(option: str, *, tonic: str, scale: str, degree: int) -> bool:
    """Whether the option is a degree, counted from 1, of a scale."""
    return place(option) - place(tonic) == SCALES[scale][degree - 1]


@rule
def scale_notes(option: str, *, tonic: str, scale: str) -> bool:
    """Whether the option lists the notes of a scale, upwards from its tonic."""
    return [place(note) - place(tonic) for note in option.split(", ")] == list(SCALES[scale])


@rule
def white_key_mode(option: str, *, first: str) -> bool:
    """Whether the option names the mode of the white keys of a piano from a note to its octave."""
    if option.lower() not in SCALES:
        raise ValueError(f"{option!r} is no mode known here")
    return all(-1 <= place(first) + offset <= 5 for offset in SCALES[option.lower()])


@quantity("")
def midi_number(*, note: str) -> float:
    """The MIDI note number of a note with its octave such as "C4", which is 60 (MIDI 1.0)."""
    return place(note[:-1]) * 7 % 12 + 12 * (int(note[-1]) + 1)


@quantity("Hz")
def note_frequency(*, note: str) -> float:
    """The frequency of a note such as "C4" in twelve-tone equal temperament, A4 being 440 Hz (ISO 16)."""
    return 440 * 2 ** ((midi_number(note=note) - 69) / 12)


@quantity("Hz")
def frequency_above(*, frequency_hz: float, semitones: int) -> float:
    """The frequency so many equal-tempered semitones above another, negative ones being below."""
    return frequency_hz * 2 ** (semitones / 12)


@quantity("cents")
def cents(*, above: float, below: float) -> float:
    """The size of a frequency ratio in cents, of which an octave has 1200 (A. J. Ellis, 1885)."""
    return 1200 * math.log2(above / below)


@rule
def enharmonic(option: str, *, note: str) -> bool:
    """Whether the option is another spelling of a note that sounds the same in twelve-tone equal temperament."""
    return option != note and (place(option) - place(note)) % 12 == 0


@quantity("Hz")
def stopped_string(*, open_hz: float, fraction: float) -> float:
    """The frequency of a string of which a fraction of its length is left to vibrate (M. Mersenne, 1636)."""
    return open_hz / fraction


@quantity("")
def tempered_ratio(*, semitones: int) -> float:
    """The frequency ratio of equal-tempered semitones."""
    return 2 ** (semitones / 12)


@rule
def pure_ratio(option: str, *, interval: str) -> bool:
    """Whether a ratio such as "3:2" is within 20 cents of an interval, as its pure tuning is."""
    above, below = map(int, option.split(":"))
    return abs(12 * math.log2(above / below) - interval_size(interval=interval)) < 0.2


@quantity("")
def notes_within(*, short: str, long: str) -> float:
    """How many short note values fill a long one, which may be dotted: "sixteenth" in "dotted half"."""
    dots = Fraction(3, 2) if long.startswith("dotted ") else 1
    return float(NOTE_VALUES[long.removeprefix("dotted ")] * dots / NOTE_VALUES[short])


@quantity("s")
def beats_duration(*, beats: float, beats_per_minute: float) -> float:
    """The duration of so many beats."""
    return beats * 60 / beats_per_minute


@quantity("beats per minute")
def tempo(*, beat_s: float) -> float:
    """The tempo at which a beat lasts so long."""
    return 60 / beat_s


@quantity("s")
def equal_division(*, duration_s: float, parts: int) -> float:
    """The length of each of the equal parts of a duration."""
    return duration_s / parts


@quantity("")
def polyrhythm_onsets(*, voices: list[int]) -> float:
    """The different moments at which a note begins, in a cycle that each voice divides evenly."""
    return len({Fraction(index, voice) for voice in voices for index in range(voice)})


@rule
def time_signature_class(option: str, *, upper: int) -> bool:
    """Whether the option, such as "simple triple", classifies a time signature by its upper figure."""
    compound = upper in (6, 9, 12)
    return option.lower() == f"{'compound' if compound else 'simple'} {GROUPINGS[upper // 3 if compound else upper]}"
