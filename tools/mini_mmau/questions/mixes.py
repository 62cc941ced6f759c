"""Eight questions for MMAR about mixtures: speech, music and sounds at once."""

from tools.mini_mmau.clips import gained, placed, sequence, together
from tools.mini_mmau.measure import profile
from tools.mini_mmau.melodies import melody
from tools.mini_mmau.questions.question import Deep, Measured, Question, by_profile, by_words
from tools.mini_mmau.recordings import SonicPi
from tools.mini_mmau.speech import espeak, flite


def questions(sample: SonicPi) -> list[Question]:
    """Returns the eight, in the order of their ids."""
    return [*_with_sounds(sample), *_at_work(sample), *_with_music(sample), *_with_both(sample)]


def _with_sounds(sample: SonicPi) -> list[Question]:
    crow, door, till, bell = (
        sample("misc_crow"),
        sample("perc_door", 0.6),
        sample("perc_till", 1.5),
        sample("perc_bell", 1.5),
    )
    of_crow, of_door, of_till, of_bell = (profile(clip.samples) for clip in (crow, door, till, bell))
    stay, greet = "I think this is a good place to stay for a while.", "Good evening. I am back."
    return [
        Question(
            text="Where is the speaker, judging by what is heard around the voice?",
            choices=(
                "Outdoors, near a bird",
                "At the till of a shop",
                "In a church, under its bell",
                "At home, by the door",
            ),
            clip=sequence(crow, flite(stay, "slt"), crow, gap_s=0.3),
            measured=by_profile(of_crow, of_till, of_bell, of_door, event=1),
            verified_by="source",
            transcript=stay,
            modality="mix-sound-speech",
            deep=Deep(
                skill="Environmental Perception and Reasoning",
                cue=("a woman who wants to stay", "the call of a crow before and after"),
                thinking="The words name no place, but a crow calls before and after them: the place is outdoors.",
            ),
        ),
        Question(
            text="What happens right before the man speaks?",
            choices=("A door is shut", "A bell rings", "A crow calls", "A till opens"),
            clip=sequence(bell, door, flite(greet, "rms"), gap_s=0.4),
            measured=by_profile(of_door, of_bell, of_crow, of_till, event=2),
            verified_by="source",
            transcript=greet,
            modality="mix-sound-speech",
            deep=Deep(
                skill="Temporal Analysis",
                cue=("a bell", "a dull slam after it", "a man who says that he is back"),
                thinking="A bell is followed by the slam of a door, and only then does the man speak.",
            ),
        ),
    ]


def _at_work(sample: SonicPi) -> list[Question]:
    pay = "That will be twelve dollars, please."
    after = [sample("perc_till", 1.5), sample("perc_bell", 1.5), sample("perc_door", 0.6), sample("misc_crow")]
    return [
        Question(
            text="What is the speaker's occupation, judging by the words and the sound that follows?",
            choices=("Cashier", "Priest", "Doorkeeper", "Ornithologist"),
            clip=sequence(espeak(pay, "f2", wpm=145), after[0], gap_s=0.3),
            measured=by_profile(*(profile(clip.samples) for clip in after), event=2),
            verified_by="source",
            transcript=pay,
            modality="mix-sound-speech",
            deep=Deep(
                skill="Imagination",
                cue=("a price is named", "a cash register opens"),
                thinking="A price is asked for and then a till opens, so the speaker takes the money: a cashier.",
            ),
        ),
    ]


def _with_music(sample: SonicPi) -> list[Question]:
    guitar, tabla = sample("guit_em9", 5.0), sample("loop_tabla", 5.0)
    bell, steps = sample("perc_bell"), melody(60, 64, 67, 72, 67, 64, 60, 64, beat_s=0.45, timbre="organ")
    tune, night = melody(67, 64, 60, beat_s=0.5), flite("Good night, everybody.", "rms")
    poem, colour = "The evening is quiet, and the sea is calm.", "My favourite colour is orange."
    return [
        Question(
            text="Which instrument accompanies the speaker?",
            choices=("Guitar", "Tabla", "Bells", "Trumpet"),
            clip=together(gained(guitar, -5), placed([flite(poem, "awb")], [1.0])),
            measured=by_profile(
                *(profile(clip.samples) for clip in (guitar, tabla, bell)), None, start_s=0.0, end_s=0.95
            ),
            verified_by="source",
            transcript=poem,
            modality="mix-music-speech",
            deep=Deep(
                skill="Music Theory",
                cue=("plucked strings before the voice", "the same strings under the voice"),
                thinking="A chord is plucked on strings before and under the voice: a guitar.",
            ),
        ),
        Question(
            text="Which colour does the speaker name over the music?",
            choices=("Orange", "Purple", "Yellow", "Silver"),
            clip=together(gained(steps, -22), placed([flite(colour, "slt")], [0.6])),
            measured=by_words("orange", "purple", "yellow", "silver"),
            transcript=colour,
            modality="mix-music-speech",
            deep=Deep(
                skill="Content Analysis",
                cue=("a soft organ tune", "a woman who names her favourite colour"),
                thinking="Over the soft tune a voice names its favourite colour, which is orange.",
            ),
        ),
        Question(
            text="Which comes first, the voice or the music?",
            choices=("The music", "The voice", "Both at once"),
            clip=sequence(tune, night, gap_s=0.5),
            measured=by_profile(profile(tune.samples), profile(night.samples), None, event=1),
            transcript="Good night, everybody.",
            modality="mix-music-speech",
            deep=Deep(
                skill="Temporal Analysis",
                cue=("three plucked notes that fall", "a man who says good night"),
                thinking="Three falling notes are played, and after a pause a man says good night: the music is first.",
            ),
        ),
    ]


def _with_both(sample: SonicPi) -> list[Question]:
    crow, cowbell = sample("misc_crow"), sample("drum_cowbell")
    profiles = {"crow": profile(crow.samples), "cowbell": profile(cowbell.samples)}
    turns = [cowbell, crow, cowbell, crow, cowbell, crow, cowbell]
    welcome = "Welcome to the farm."
    return [
        Question(
            text="How many times does the crow interrupt the cowbell?",
            choices=("Three", "Two", "Four", "Seven"),
            clip=sequence(*turns, gap_s=0.35),
            measured=Measured(what="num_like", expected=(3, 2, 4, 7), arguments={"profiles": profiles, "like": "crow"}),
            modality="mix-sound-music",
            deep=Deep(
                skill="Counting and Statistics",
                cue=("a cowbell and a crow in turn", "the cowbell first and last"),
                thinking="Of the seven sounds the cowbell has the first and the last, so the crow calls three times.",
            ),
        ),
        Question(
            text="What is heard last, after the tune and the voice?",
            choices=("A crow", "A cowbell", "A door", "Applause"),
            clip=sequence(melody(60, 64, 67, beat_s=0.4), flite(welcome, "slt"), crow, gap_s=0.5),
            measured=by_profile(
                profiles["crow"], profiles["cowbell"], profile(sample("perc_door", 0.6).samples), None, event=3
            ),
            verified_by="source",
            transcript=welcome,
            modality="mix-sound-music-speech",
            deep=Deep(
                skill="Correlation Analysis",
                cue=("three rising notes", "a woman who welcomes to a farm", "a hoarse bird"),
                thinking="After the notes and the welcome, the last thing heard is the hoarse call of a crow.",
            ),
        ),
    ]
