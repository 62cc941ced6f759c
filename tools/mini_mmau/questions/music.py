"""Twenty questions about music: real drums, guitar and tabla, and melodies synthesised to a rule."""

from tools.mini_mmau.clips import Clip, cut, gained, peaked, placed, sequence, swelled, together
from tools.mini_mmau.measure import profile
from tools.mini_mmau.melodies import chord, melody
from tools.mini_mmau.questions.question import Deep, Measured, Question, by_profile
from tools.mini_mmau.recordings import SonicPi


def questions(sample: SonicPi) -> list[Question]:
    """Returns the twenty, in the order of their ids."""
    return [
        *_instruments(sample),
        *_beats(sample),
        *_strokes(sample),
        *_melodies(),
        *_toms(sample),
        *_harmonies(),
        *_playing(sample),
    ]


def _instruments(sample: SonicPi) -> list[Question]:
    guitar, tabla, slide = sample("guit_em9", 4.0), sample("loop_tabla", 5.0), sample("guit_e_slide", 3.5)
    bell, kit, played = sample("perc_bell"), _kit(sample, "kshs" * 2, 0.3), _tabla(sample)
    of_guitar, of_tabla, of_slide, of_bell, of_kit, of_played = (
        profile(clip.samples) for clip in (guitar, tabla, slide, bell, kit, played)
    )
    return [
        Question(
            text="Which instrument is played in the audio?",
            choices=("Guitar", "Tabla", "Drum kit", "Bells"),
            clip=guitar,
            measured=by_profile(of_guitar, of_tabla, of_kit, of_bell),
            skill="Instrumentation",
            difficulty="easy",
            verified_by="source",
        ),
        Question(
            text="Which percussion instrument is prominent in the audio?",
            choices=("Tabla", "Drum kit", "Tubular bells", "Marimba"),
            clip=tabla,
            measured=by_profile(of_tabla, of_kit, of_bell, None),
            skill="Instrumentation",
            difficulty="medium",
            verified_by="source",
        ),
        Question(
            text="With which musical tradition are the drums in the audio most closely associated?",
            choices=("North Indian classical music", "Jazz of New Orleans", "Andalusian flamenco", "Viennese operetta"),
            clip=played,
            measured=by_profile(of_played, of_kit, of_guitar, None),
            skill="Socio-cultural Interpretation",
            difficulty="medium",
            verified_by="source",
            deep=Deep(
                skill="Professional Knowledge and Reasoning",
                cue=("ringing, tuned strokes on a small drum", "deep strokes on a second drum"),
                thinking="Ringing tuned strokes alternate with deep ones: tabla, the drums of Hindustani music.",
            ),
        ),
        Question(
            text="Which way of playing the guitar is heard in the audio?",
            choices=("A slide", "A slow arpeggio", "Fast strumming", "Tapping on the body"),
            clip=slide,
            measured=by_profile(of_slide, of_guitar, None, of_tabla),
            skill="Musical Texture Interpretation",
            difficulty="hard",
            verified_by="source",
        ),
    ]


def _tabla(sample: SonicPi) -> Clip:
    strokes = ("na", "tun1", "te1", "ghe1", "na", "ke1", "tas1", "na")
    return placed([sample(f"tabla_{stroke}", 0.8) for stroke in strokes], [0.35 * k for k in range(len(strokes))])


def _kit(sample: SonicPi, pattern: str, beat_s: float) -> Clip:
    """Returns a drum kit that plays one letter a beat: k(ick), s(nare), h(i-hat), c(rash), - for a rest."""
    drums = {
        "k": sample("drum_bass_hard", 0.5),
        "s": sample("drum_snare_hard", 0.4),
        "h": gained(sample("drum_cymbal_closed"), -6),
        "c": sample("drum_splash_hard", 1.5),
    }
    beats = [(drums[letter], k * beat_s) for k, letter in enumerate(pattern) if letter != "-"]
    return placed([drum for drum, _ in beats], [start for _, start in beats])


def _beats(sample: SonicPi) -> list[Question]:
    slow, fast = (melody(60, 64, 67, 64, beat_s=beat_s) for beat_s in (0.6, 0.3))
    return [
        Question(
            text="What is the tempo of the drums in the audio?",
            choices=("95 beats per minute", "65 beats per minute", "140 beats per minute", "180 beats per minute"),
            clip=_kit(sample, "kskskskskskc", 60 / 95),
            measured=Measured(what="tempo_bpm", expected=(95, 65, 140, 180), arguments={"low": 60, "high": 190}),
            skill="Rhythm and Tempo Understanding",
            difficulty="hard",
        ),
        Question(
            text="How many beats does each bar of the drum pattern have?",
            choices=("Three", "Two", "Four", "Five"),
            clip=_kit(sample, "kss" * 4, 0.4),
            measured=Measured(what="accent_period", expected=(3, 2, 4, 5)),
            skill="Rhythm and Tempo Understanding",
            difficulty="medium",
            deep=Deep(
                skill="Music Theory",
                cue=("one low drum", "two snares after each low drum"),
                thinking="Each low drum is followed by two snares before the next one: bars of three beats.",
            ),
        ),
        Question(
            text="The same tune is played twice. How does the second time differ?",
            choices=("It is faster", "It is slower", "It is higher", "It is softer"),
            clip=sequence(slow, fast, gap_s=0.9),
            measured=Measured(what="event_ratio", expected=(0.5, 2.0, None, None), arguments={"of": "duration"}),
            skill="Rhythm and Tempo Understanding",
            difficulty="easy",
        ),
    ]


def _strokes(sample: SonicPi) -> list[Question]:
    cowbell = sample("drum_cowbell")
    return [
        Question(
            text="How many times is the cowbell struck?",
            choices=("Six", "Four", "Five", "Eight"),
            clip=sequence(*[cowbell] * 6, gap_s=[0.25, 0.25, 0.6, 0.25, 0.25]),
            measured=Measured(what="num_onsets", expected=(6, 4, 5, 8)),
            skill="Rhythm and Tempo Understanding",
            difficulty="easy",
        ),
        Question(
            text="Which instrument ends the drum pattern?",
            choices=("A cymbal", "A snare drum", "A bass drum", "A cowbell"),
            clip=_kit(sample, "kksskksc", 0.4),
            measured=by_profile(
                *(profile(sample(name).samples) for name in ("drum_splash_hard", "drum_snare_hard", "drum_bass_hard")),
                profile(cowbell.samples),
                start_s=3.2,
            ),
            skill="Instrumentation",
            difficulty="easy",
            deep=Deep(
                skill="Temporal Analysis",
                cue=("bass and snare drum in turn", "a long bright crash at the end"),
                thinking="After bass and snare strokes the last sound is bright, noisy and rings on: a cymbal.",
            ),
        ),
    ]


def _melodies() -> list[Question]:
    return [
        Question(
            text="In which direction does the melody move?",
            choices=("Upwards", "Downwards", "In an arch, up and back", "In a trough, down and back"),
            clip=melody(60, 62, 64, 67, 69, 72, beat_s=0.4),
            measured=Measured(
                what="steps",
                expected=((1, 1, 1, 1, 1), (-1,) * 5, (1, 1, 1, -1, -1), (-1, -1, -1, 1, 1)),
            ),
            skill="Melodic Structure Interpretation",
            difficulty="easy",
        ),
        Question(
            text="Which contour does the melody have?",
            choices=("A low point in the middle", "A peak in the middle", "Rising throughout", "Falling throughout"),
            clip=melody(71, 67, 64, 60, 64, 67, 71, beat_s=0.4, timbre="flute"),
            measured=Measured(
                what="steps",
                expected=((-1, -1, -1, 1, 1, 1), (1, 1, 1, -1, -1, -1), (1,) * 6, (-1,) * 6),
            ),
            skill="Melodic Structure Interpretation",
            difficulty="medium",
        ),
        Question(
            text="How many different pitches occur in the melody?",
            choices=("Three", "Two", "Five", "Eight"),
            clip=melody(62, 65, 62, 69, 65, 69, 62, 65, beat_s=0.45),
            measured=Measured(what="num_pitches", expected=(3, 2, 5, 8)),
            skill="Melodic Structure Interpretation",
            difficulty="hard",
            deep=Deep(
                skill="Counting and Statistics",
                cue=("eight notes", "the same low, middle and high note again and again"),
                thinking="Eight notes are played, but they only move between a low, a middle and a high one.",
            ),
        ),
        Question(
            text="Compared with the first note of the melody, how is the last?",
            choices=("The same", "Higher", "Lower"),
            clip=melody(65, 69, 72, 70, 67, 65, beat_s=0.45, timbre="organ"),
            measured=Measured(what="interval", expected=(0, 5, -5), arguments={"first": 1, "second": 6}),
            skill="Temporal Reasoning",
            difficulty="medium",
        ),
    ]


def _toms(sample: SonicPi) -> list[Question]:
    toms = [sample(f"drum_tom_{name}_hard", 0.6) for name in ("hi", "mid", "lo")]
    return [
        Question(
            text="Three tom-toms are struck in turn. In which order?",
            choices=("Descending in pitch", "Ascending in pitch", "The middle one first", "All the same"),
            clip=sequence(*toms, gap_s=0.3),
            measured=Measured(what="steps", expected=((-1, -1), (1, 1), (-1, 1), (0, 0))),
            skill="Temporal Reasoning",
            difficulty="medium",
        ),
    ]


def _harmonies() -> list[Question]:
    minor = sequence(melody(60, 63, 67, beat_s=0.5, timbre="organ"), chord(60, 63, 67, seconds=1.2), gap_s=0.3)
    return [
        Question(
            text="Which interval lies between the two notes?",
            choices=("An octave", "A fifth", "A third", "A second"),
            clip=melody(60, 72, beat_s=0.9, timbre="organ"),
            measured=Measured(what="interval", expected=(12, 7, 4, 2)),
            skill="Harmony and Chord Progressions",
            difficulty="medium",
        ),
        Question(
            text="Which interval lies between the two notes?",
            choices=("A perfect fifth", "A major third", "A minor second", "A major seventh"),
            clip=melody(57, 64, beat_s=0.9, timbre="flute"),
            measured=Measured(what="interval", expected=(7, 4, 1, 11)),
            skill="Harmony and Chord Progressions",
            difficulty="hard",
            deep=Deep(
                skill="Music Theory",
                cue=("two notes, the second higher", "a wide and hollow leap, smaller than an octave"),
                thinking="The second note is higher by a wide, open leap of seven semitones: a perfect fifth.",
            ),
        ),
        Question(
            text="A chord is played note by note and then at once. What kind of chord is it?",
            choices=("Minor", "Major"),
            clip=minor,
            measured=Measured(what="interval", expected=(3, 4)),
            skill="Harmony and Chord Progressions",
            difficulty="hard",
            deep=Deep(
                skill="Music Theory",
                cue=("three notes from the bottom up", "a narrow step of three semitones between the lower two"),
                thinking="The lower two notes are three semitones apart, a minor third, so the chord is minor.",
            ),
        ),
        Question(
            text="How many notes sound at once in the chord?",
            choices=("Three", "One", "Two", "Five"),
            clip=chord(57, 64, 73, seconds=2.0, timbre="flute"),
            measured=Measured(what="num_tones", expected=(3, 1, 2, 5)),
            skill="Musical Texture Interpretation",
            difficulty="hard",
        ),
    ]


def _playing(sample: SonicPi) -> list[Question]:
    swelling = swelled(melody(*[60, 64, 67, 72] * 2, beat_s=0.4, timbre="organ"), -26, 0)
    guitar, cowbell = cut(sample("guit_em9"), 0.0, 6.0), sample("drum_cowbell")
    enters = together(gained(guitar, -6), placed([cowbell] * 3, [3.0, 3.7, 4.4]))
    return [
        Question(
            text="Which term describes the dynamics of the passage?",
            choices=("Crescendo", "Decrescendo", "Sforzando", "Constant forte"),
            clip=swelling,
            measured=Measured(what="swell_db_per_s", expected=(8, -8, None, 0)),
            skill="Melodic Structure Interpretation",
            difficulty="medium",
            deep=Deep(
                skill="Music Theory",
                cue=("a figure repeated", "a loudness that grows all the time"),
                thinking="The figure repeats unchanged but grows steadily louder, which is a crescendo.",
            ),
        ),
        Question(
            text="A guitar begins. About when does the cowbell enter?",
            choices=("After 3 seconds", "After 1 second", "After 4.5 seconds", "It never enters"),
            clip=peaked(enters),
            measured=Measured(what="first_above", expected=(3.0, 1.0, 4.5, None), arguments={"hz": 4500}),
            skill="Temporal Reasoning",
            difficulty="medium",
            deep=Deep(
                skill="Temporal Analysis",
                cue=("a guitar from the start", "a dry metallic stroke in the middle, repeated"),
                thinking="The guitar is alone for half of the clip; the first metallic stroke comes at three seconds.",
            ),
        ),
    ]
