"""The description: measurements and a transcript as a few plain sentences, for a reader who cannot hear.

It says what was measured, in figures and in the words that questions use, names its guesses as such, and is the same
for the same clip. The reader is a language model, so the words of the transcript come first and the rest stays short.
"""

from earwitness.transcriber import Transcript
from services.captioner.acoustics import Acoustics, Event, Shape
from services.captioner.pitch import note_name

MAX_WORDS = 120
"""Besides the transcript; the sentences that matter least are left out first."""

_MAN_HZ, _WOMAN_HZ = 155.0, 180.0
"""Typical are 120 Hz for men and 210 Hz for women (H. Traunmüller and A. Eriksson, "The frequency range of the voice
fundamental in the speech of male and female adults", 1995), and 260 to 280 Hz for children of 6 to 10 (D. Sorenson,
Journal of Communication Disorders 22, 1989), who are not told from women here."""
_SLOW, _FAST = 2.2, 3.8
"""Words per second of speech, pauses left out. Most advise radio speakers 160 to 180 a minute, pauses included
(E. Rodero, Text & Talk 32(3), 2012); these are 130 and 230."""
_SHAPES: dict[Shape, str] = {
    "steady": "steady in level",
    "fades in": "fading in",
    "fades out": "fading out",
    "swells": "swelling, then falling again",
    "grows louder": "growing louder",
    "grows quieter": "growing quieter",
    "uneven": "uneven in level",
    "brief": "very brief",
}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


def describe(acoustics: Acoustics, transcript: Transcript) -> str:
    """Returns what is heard in a clip, in at most MAX_WORDS words and the transcript."""
    quoted, sentences = _speech(acoustics, transcript)
    if acoustics.silent:
        floor = "Nothing but silence: no sound rises above -60 dBFS"
        sentences = [f"{floor} in the clip's {acoustics.seconds:.1f} s.", *_faults(acoustics, speech=False)]
    else:
        alone = not transcript.speech
        sentences += [_character(acoustics)] if alone else []
        sentences += [_dynamics(acoustics), _rhythm(acoustics, alone=alone)]
        sentences += [_events(acoustics), _course_of_pitch(acoustics)] if alone else []
        sentences += [*_faults(acoustics, speech=not alone)]
        sentences += [] if alone and len(acoustics.events) > 1 else [_halves(acoustics)]
        sentences += [_timbre(acoustics)]
    said = [quoted] if quoted else []
    words = 0
    for sentence in filter(None, sentences):
        length = len(sentence.split())
        if words + length <= MAX_WORDS:
            said.append(sentence)
            words += length
    return " ".join(said)


def _speech(acoustics: Acoustics, transcript: Transcript) -> tuple[str, list[str]]:
    """Returns the words that were said, and what their voice is like."""
    if not transcript.speech:
        return "", ["No speech is detected."]
    seconds = transcript.speech_seconds
    if not transcript.text:
        return "", [f"Someone seems to speak or sing for {seconds:.1f} s, but no word can be made out."]
    quoted = f'Speech is heard, and seems to say: "{transcript.text}"'
    rate = len(transcript.text.split()) / seconds
    pace = "slow" if rate < _SLOW else "fast" if rate > _FAST else "normal"
    return quoted, [
        _voice(acoustics, seconds),
        f"The pace is {pace}, {rate:.1f} words per second over {seconds:.1f} s.",
    ]


def _voice(acoustics: Acoustics, speech_seconds: float) -> str:
    pitch, sounding = acoustics.pitch, acoustics.seconds * (1 - acoustics.loudness.silence_fraction)
    if pitch.median_hz is None or speech_seconds < 0.5 * sounding:
        return "The voice's pitch cannot be told from the other sounds."
    if pitch.median_hz < _MAN_HZ:
        who = "low voice, probably an adult man's"
    elif pitch.median_hz < _WOMAN_HZ:
        who = "voice of medium pitch, a man's or a woman's"
    else:
        who = "high voice, probably a woman's or a child's"
    range_hz = f"{pitch.low_hz:.0f} to {pitch.high_hz:.0f} Hz"
    ends = "rises" if pitch.ending_semitones > 2 else "falls" if pitch.ending_semitones < -2 else "stays level"
    return f"It is a {who}, at about {pitch.median_hz:.0f} Hz ({range_hz}), and its pitch {ends} at the end."


def _character(acoustics: Acoustics) -> str:
    """Returns what kind of sound fills a clip without speech."""
    pitch, timbre, length = acoustics.pitch, acoustics.timbre, f"{acoustics.seconds:.1f} s"
    kinds = {event.kind for event in acoustics.events}
    if acoustics.rhythm.percussive_fraction > 0.6 and len(acoustics.rhythm.onsets_s) > 1:
        return f"The clip of {length} holds short, percussive sounds."
    if len(acoustics.events) > 1:
        return f"The clip of {length} holds {len(acoustics.events)} sounds."
    if timbre.chord and len(timbre.notes) > 1:
        return f"Notes sound together for {length}: {', '.join(timbre.notes)}."
    if kinds == {"tone"} and pitch.contour in ("rising", "falling"):
        return f"A single gliding tone sounds for {length}."
    if kinds == {"tone"}:
        note = f" ({note_name(pitch.median_hz)})" if pitch.median_hz and pitch.contour == "steady" else ""
        return f"A clear tone at about {pitch.median_hz:.0f} Hz{note} sounds for {length}."
    if kinds == {"noise"}:
        return f"Noise without pitch sounds for {length}."
    if kinds == {"click"}:
        return f"A click sounds in a clip of {length}."
    share = f"{100 * pitch.voiced_fraction:.0f} % of it"
    at = f", at about {pitch.median_hz:.0f} Hz" if pitch.median_hz and not timbre.chord else ""
    return f"A sound of {length} is pitched in {share}{at}."


def _dynamics(acoustics: Acoustics) -> str:
    loudness = acoustics.loudness
    how = "loud" if loudness.rms_dbfs > -14 else "quiet" if loudness.rms_dbfs < -26 else "of moderate level"
    gaps = f" {_count(loudness.num_gaps, 'silent gap')}, {100 * loudness.silence_fraction:.0f} % silence."
    level = f"It is {how} ({loudness.rms_dbfs:.0f} dBFS, peak {loudness.peak_dbfs:.0f}), {_SHAPES[loudness.shape]}."
    return level + (gaps if loudness.num_gaps else "")


def _rhythm(acoustics: Acoustics, *, alone: bool) -> str:
    """Returns the pulse; beneath speech only a firm one, since syllables have onsets too."""
    rhythm = acoustics.rhythm
    num_onsets = len(rhythm.onsets_s)
    tempo = f"{rhythm.tempo_bpm:.0f} beats per minute" if rhythm.tempo_bpm else ""
    if not alone:
        return f"There is a pulse of {tempo}." if tempo and rhythm.tempo_confidence > 0.6 else ""
    if num_onsets < 2:
        return ""
    onsets = f"{num_onsets} onsets are heard"
    if num_onsets == 2:
        return f"{onsets}, {rhythm.onsets_s[1] - rhythm.onsets_s[0]:.1f} s apart."
    if tempo:
        how = "evenly spaced" if rhythm.regularity > 0.85 else "repeating"
        sure = "" if rhythm.tempo_confidence > 0.6 else "perhaps "
        return f"{onsets}, {how} at {sure}{tempo}."
    return f"{onsets}, {'evenly' if rhythm.regularity > 0.85 else 'irregularly'} spaced."


def _events(acoustics: Acoustics) -> str:
    """Returns the sounds in order, and which of them is the highest, the lowest and the loudest."""
    events = acoustics.events
    if len(events) < 2:
        return ""
    text = f"In order: {'; '.join(_sound(event) for event in events)}."
    pitched = [(i, event.pitch.median_hz) for i, event in enumerate(events) if event.kind == "tone"]
    heights = [hz for _, hz in pitched if hz]
    if len(heights) > 1 and max(heights) > 1.03 * min(heights):
        high, low = (pitched[heights.index(of(heights))][0] for of in (max, min))
        text += f" {_extremes(len(events), high, low, 'higher', 'lower')}."
    levels = [event.level_dbfs for event in events]
    if max(levels) - min(levels) > 3:
        loud, soft = (levels.index(of(levels)) for of in (max, min))
        text += f" {_extremes(len(events), loud, soft, 'louder', 'softer')}, by {max(levels) - min(levels):.0f} dB."
    return text


def _extremes(number: int, most: int, least: int, more: str, less: str) -> str:
    """Returns which sound is `more` and which `less`, in the comparative for two and the superlative for several."""
    if number == 2:
        return f"The {_ORDINALS[most]} is the {more}"
    return f"The {_ORDINALS[most]} is the {more[:-1]}st, the {_ORDINALS[least]} the {less[:-1]}st"


def _sound(event: Event) -> str:
    hz, contour = event.pitch.median_hz, event.pitch.contour
    start, end = f"{event.start_s:.1f}", f"{event.end_s:.1f} s"
    when = end if f"{start} s" == end else f"{start}-{end}"
    if event.kind != "tone" or not hz:
        return f"{when} {event.kind}"
    if contour in ("rising", "falling"):
        return f"{when} {contour} tone about {hz:.0f} Hz"
    return f"{when} tone {hz:.0f} Hz ({note_name(hz)})"


def _course_of_pitch(acoustics: Acoustics) -> str:
    pitch, notes = acoustics.pitch, acoustics.timbre.notes
    if pitch.median_hz is None or pitch.voiced_fraction < 0.3 or acoustics.timbre.chord or len(acoustics.events) > 1:
        return ""
    if pitch.contour in ("rising", "falling"):
        ratio = 2 ** (pitch.glide_semitones / 24)
        ends = f"from about {pitch.median_hz / ratio:.0f} to {pitch.median_hz * ratio:.0f} Hz"
        verb = "rises" if pitch.contour == "rising" else "falls"
        return f"The pitch {verb} over the clip, {ends} ({abs(pitch.glide_semitones):.0f} semitones)."
    if pitch.contour == "steady":
        return "The pitch is steady."
    named = f" Notes that stand out: {', '.join(notes)}." if len(notes) > 1 else ""
    return f"The pitch varies between {pitch.low_hz:.0f} and {pitch.high_hz:.0f} Hz.{named}"


def _timbre(acoustics: Acoustics) -> str:
    timbre, harmonicity = acoustics.timbre, acoustics.pitch.harmonicity
    colour = (
        "dark" if timbre.centroid_hz < 700 else "bright" if timbre.centroid_hz > 2500 else "neither dark nor bright"
    )
    texture = "tonal" if harmonicity > 0.85 else "noisy" if harmonicity < 0.5 else "between tonal and noisy"
    return f"The timbre is {colour} (spectral centroid {timbre.centroid_hz:.0f} Hz) and {texture}."


def _halves(acoustics: Acoustics) -> str:
    """Returns how the second half differs from the first, where it does."""
    first, second = acoustics.halves
    differences: list[str] = []
    louder = second.level_dbfs - first.level_dbfs
    if abs(louder) > 3 and min(first.level_dbfs, second.level_dbfs) > -80:
        differences.append(f"{abs(louder):.0f} dB {'louder' if louder > 0 else 'quieter'}")
    low, high = first.pitch.median_hz, second.pitch.median_hz
    pitched = min(first.pitch.voiced_fraction, second.pitch.voiced_fraction) > 0.5
    if low and high and pitched and abs(high / low - 1) > 0.06 and not acoustics.timbre.chord:
        differences.append(f"{'higher' if high > low else 'lower'} in pitch ({low:.0f} to {high:.0f} Hz)")
    if abs(louder) < 20 and not 0.7 < second.centroid_hz / max(first.centroid_hz, 1.0) < 1.4:
        differences.append("brighter" if second.centroid_hz > first.centroid_hz else "darker")
    return f"Against the first half, the second is {' and '.join(differences)}." if differences else ""


def _faults(acoustics: Acoustics, *, speech: bool) -> list[str]:
    faults, said = acoustics.faults, list[str]()
    if faults.clipped_fraction > 1e-3:
        said.append(f"It is distorted by clipping ({100 * faults.clipped_fraction:.1f} % of the samples).")
    if faults.hum_hz:
        said.append(f"Mains hum at {faults.hum_hz} Hz lies beneath.")
    if speech and faults.snr_db < 25:
        said.append(f"There is background noise, about {faults.snr_db:.0f} dB under the speech.")
    if speech and faults.top_hz < 4500:
        said.append(f"It sounds like a telephone: nothing lies above {faults.top_hz / 1000:.1f} kHz.")
    if abs(faults.dc_offset) > 0.01:
        said.append(f"The samples have an offset of {faults.dc_offset:.2f}.")
    if acoustics.stereo_width is not None and acoustics.stereo_width > 0.05:
        said.append("The recording is in stereo, and wide." if acoustics.stereo_width > 0.3 else "It is in stereo.")
    return said


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
