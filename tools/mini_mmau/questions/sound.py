"""Twenty questions about sounds, every clip made of real recordings."""

from tools.mini_mmau.clips import backwards, gained, in_hall, placed, sequence, slowed, together
from tools.mini_mmau.measure import profile
from tools.mini_mmau.questions.question import Deep, Measured, Question, by_profile
from tools.mini_mmau.recordings import SonicPi


def questions(sample: SonicPi) -> list[Question]:
    """Returns the twenty, in the order of their ids."""
    return [
        *_sources(sample),
        *_scenes(sample),
        *_orders(sample),
        *_counts(sample),
        *_changes(sample),
        *_differences(sample),
    ]


def _sources(sample: SonicPi) -> list[Question]:
    crow, door, till = sample("misc_crow"), sample("perc_door", 0.6), sample("perc_till", 1.8)
    burp, scratch = sample("misc_burp"), sample("vinyl_scratch")
    profiles = [profile(clip.samples) for clip in (crow, burp, till, scratch, door)]
    of_crow, of_burp, of_till, of_scratch, of_door = profiles
    of_bell, of_snap = profile(sample("perc_bell").samples), profile(sample("perc_snap").samples)
    return [
        Question(
            text="Based on the given audio, which kind of creature is calling?",
            choices=("A bird", "A human", "A dog", "A frog"),
            clip=sequence(crow, crow, gap_s=0.5),
            measured=by_profile(of_crow, of_burp, None, None),
            skill="Eco-Acoustic Knowledge",
            difficulty="easy",
            verified_by="source",
        ),
        Question(
            text="Based on the given audio, identify the source of the sound.",
            choices=("A door", "A cash register", "A bell", "A crow"),
            clip=sequence(door, door, gap_s=0.7),
            measured=by_profile(of_door, of_till, of_bell, of_crow),
            skill="Acoustic Source Inference",
            difficulty="medium",
            verified_by="source",
        ),
        Question(
            text="Which device is operated in the audio?",
            choices=("A cash register", "A turntable", "A telephone", "A typewriter"),
            clip=till,
            measured=by_profile(of_till, of_scratch, None, None),
            skill="Sound-Based Event Recognition",
            difficulty="easy",
            verified_by="source",
            deep=Deep(
                skill="Environmental Perception and Reasoning",
                cue=("a mechanical clatter", "a small bell that rings on after it"),
                thinking="A short clatter is followed by a bright bell, as when the drawer of a till springs open.",
            ),
        ),
        Question(
            text="What does the person in the audio do?",
            choices=("Burp", "Sneeze", "Whistle", "Snap the fingers"),
            clip=sequence(burp, burp, gap_s=0.6),
            measured=by_profile(of_burp, None, None, of_snap),
            skill="Sound-Based Event Recognition",
            difficulty="easy",
            verified_by="source",
        ),
    ]


def _scenes(sample: SonicPi) -> list[Question]:
    sauna, printer, hiss = sample("ambi_sauna", 5.0), sample("loop_3d_printer", 4.0), sample("vinyl_hiss", 4.0)
    glass, crow = sample("ambi_glass_rub"), sample("misc_crow")
    of_sauna, of_printer, of_hiss, of_glass = (profile(clip.samples) for clip in (sauna, printer, hiss, glass))
    behind = gained(printer, -14)
    over = together(behind, placed([crow, crow], [0.8, 2.2]))
    return [
        Question(
            text="Where was this most likely recorded?",
            choices=(
                "In a sauna, as water meets hot stones",
                "In a workshop, beside a 3D printer",
                "At a table, as somebody rubs a glass",
                "In a room, as the run-out of a record plays",
            ),
            clip=sauna,
            measured=by_profile(of_sauna, of_printer, of_glass, of_hiss),
            skill="Acoustic Scene Reasoning",
            difficulty="medium",
            verified_by="source",
            deep=Deep(
                skill="Environmental Perception and Reasoning",
                cue=("a dense hiss over all frequencies", "a slow decay without any pulse"),
                thinking="A dense hiss starts at once and slowly dies away, with no motor or pulse: steam.",
            ),
        ),
        Question(
            text="What does the noise in the audio suggest?",
            choices=("A worn record is playing", "Steam is rising", "A motor is running", "A glass is being rubbed"),
            clip=hiss,
            measured=by_profile(of_hiss, of_sauna, of_printer, of_glass),
            skill="Ambient Sound Interpretation",
            difficulty="medium",
            verified_by="source",
            deep=Deep(
                skill="Acoustic Quality Analysis",
                cue=("a soft, steady hiss", "irregular clicks"),
                thinking="A soft steady hiss with irregular clicks is the surface noise of a worn record.",
            ),
        ),
        Question(
            text="What is it that goes on behind the calls of the crow?",
            choices=("A 3D printer at work", "Steam in a sauna", "The hiss of a record", "A ringing glass"),
            clip=over,
            measured=by_profile(of_printer, of_sauna, of_hiss, of_glass, start_s=2.8, end_s=4.0),
            skill="Ambient Sound Interpretation",
            difficulty="hard",
            verified_by="source",
        ),
    ]


def _orders(sample: SonicPi) -> list[Question]:
    crow, door, bell = sample("misc_crow"), sample("perc_door", 0.6), sample("perc_bell", 1.0)
    till, snap, scratch = sample("perc_till", 1.2), sample("perc_snap"), sample("vinyl_scratch")
    of_crow, of_door, of_bell, of_till, of_snap, of_scratch = (
        profile(clip.samples) for clip in (crow, door, bell, till, snap, scratch)
    )
    return [
        Question(
            text="Which sound comes first in the audio?",
            choices=("A door", "A crow", "A bell"),
            clip=sequence(door, bell, crow, gap_s=0.5),
            measured=by_profile(of_door, of_crow, of_bell, event=1),
            skill="Temporal Event Reasoning",
            difficulty="easy",
        ),
        Question(
            text="Which sound ends the audio?",
            choices=("The crow", "The finger snap", "The cash register", "The door"),
            clip=sequence(till, snap, door, crow, gap_s=0.45),
            measured=by_profile(of_crow, of_snap, of_till, of_door, event=4),
            skill="Temporal Event Reasoning",
            difficulty="easy",
            deep=Deep(
                skill="Temporal Analysis",
                cue=("four separate sounds", "a harsh bird call at the very end"),
                thinking="A till, a snap and a door are heard in turn; after them comes a hoarse call, the last sound.",
            ),
        ),
        Question(
            text="Which sound comes immediately after the bell?",
            choices=("A record being scratched", "A door", "A finger snap", "A crow"),
            clip=sequence(snap, bell, scratch, door, crow, gap_s=0.45),
            measured=by_profile(of_scratch, of_door, of_snap, of_crow, event=3),
            skill="Temporal Event Reasoning",
            difficulty="medium",
        ),
        Question(
            text="Five sounds are heard in the audio. Which one is in the middle?",
            choices=("The bell", "The crow", "The door", "The finger snap"),
            clip=sequence(crow, snap, bell, door, scratch, gap_s=0.45),
            measured=by_profile(of_bell, of_crow, of_door, of_snap, event=3),
            skill="Temporal Event Reasoning",
            difficulty="hard",
        ),
    ]


def _counts(sample: SonicPi) -> list[Question]:
    crow, bell = sample("misc_crow"), sample("perc_bell", 2.5)
    snap, door, blow = sample("perc_snap"), sample("perc_door", 0.6), sample("perc_impact2", 0.25)
    mixed = [snap, door, snap, snap, door, snap, snap]
    profiles = {"snap": profile(snap.samples), "door": profile(door.samples)}
    paces = [0.0, 1.0, 1.85, 2.55, 3.1, 3.5, 3.8]
    return [
        Question(
            text="How many times does the crow call?",
            choices=("Four", "Two", "Three", "Five"),
            clip=sequence(*[crow] * 4, gap_s=[0.35, 0.7, 0.4]),
            measured=Measured(what="num_events", expected=(4, 2, 3, 5)),
            skill="Event-Based Sound Reasoning",
            difficulty="easy",
        ),
        Question(
            text="How many times is the bell struck?",
            choices=("Three", "One", "Two", "Four"),
            clip=placed([bell] * 3, [0.0, 0.9, 1.8]),
            measured=Measured(what="num_onsets", expected=(3, 1, 2, 4)),
            skill="Event-Based Sound Reasoning",
            difficulty="medium",
        ),
        Question(
            text="How many finger snaps are there before, between and after the doors?",
            choices=("Five", "Three", "Four", "Seven"),
            clip=sequence(*mixed, gap_s=0.4),
            measured=Measured(what="num_like", expected=(5, 3, 4, 7), arguments={"profiles": profiles, "like": "snap"}),
            skill="Event-Based Sound Reasoning",
            difficulty="hard",
            deep=Deep(
                skill="Counting and Statistics",
                cue=("two kinds of sound, sharp and dull", "one sharp, one dull, two sharp, one dull, two sharp"),
                thinking="Sharp snaps come as one, then two, then two, with a dull door in each gap: five snaps.",
            ),
        ),
        Question(
            text="How does the series of blows develop?",
            choices=("It becomes faster and faster", "It becomes slower and slower", "It keeps an even pace"),
            clip=placed([blow] * len(paces), paces),
            measured=Measured(what="pace", expected=(0.3, 3.3, 1.0)),
            skill="Event-Based Sound Reasoning",
            difficulty="medium",
        ),
    ]


def _changes(sample: SonicPi) -> list[Question]:
    crow, bell, snap = sample("misc_crow"), sample("perc_bell", 1.2), sample("perc_snap")
    nearing = [gained(crow, db) for db in (-24, -18, -12, -6, 0)]
    return [
        Question(
            text="Judging by loudness, what does the crow do over its five calls?",
            choices=("It comes nearer", "It flies away", "It stays where it is", "It comes nearer, then flies away"),
            clip=sequence(*nearing, gap_s=0.4),
            measured=Measured(what="level_slope_db", expected=(6, -6, 0, None)),
            skill="Event-Based Sound Reasoning",
            difficulty="medium",
            deep=Deep(
                skill="Spatial Analysis",
                cue=("five calls of the same bird", "each call louder than the one before"),
                thinking="The calls are alike but each is clearly louder than the last, so the bird comes nearer.",
            ),
        ),
        Question(
            text="Six snaps are heard. After which one comes the longest pause?",
            choices=("The fourth", "The second", "The third", "The fifth"),
            clip=sequence(*[snap] * 6, gap_s=[0.3, 0.3, 0.3, 1.1, 0.3]),
            measured=Measured(what="longest_gap", expected=(4, 2, 3, 5)),
            skill="Temporal Event Reasoning",
            difficulty="hard",
        ),
        Question(
            text="A bell is struck three times. Which of the strikes is played backwards?",
            choices=("The second", "The first", "The third", "None of them"),
            clip=sequence(bell, backwards(bell), bell, gap_s=0.4),
            measured=Measured(what="latest_peak", expected=(2, 1, 3, None)),
            skill="Event-Based Sound Reasoning",
            difficulty="hard",
            deep=Deep(
                skill="Anomaly Detection",
                cue=("two strikes that begin at once and die away", "one that swells and stops short"),
                thinking="The first and third ring out; the second swells and breaks off, so it runs backwards.",
            ),
        ),
    ]


def _differences(sample: SonicPi) -> list[Question]:
    crow, door = sample("misc_crow"), sample("perc_door", 0.6)
    return [
        Question(
            text="The same call is heard twice. How does the second differ from the first?",
            choices=("It is lower and longer", "It is higher and shorter", "It is only softer", "It does not differ"),
            clip=sequence(crow, slowed(crow, 1.8), gap_s=0.6),
            measured=Measured(what="event_ratio", expected=(1.8, 0.55, None, 1.0), arguments={"of": "duration"}),
            skill="Event-Based Sound Reasoning",
            difficulty="medium",
            deep=Deep(
                skill="Audio Difference Analysis",
                cue=("the same call twice", "the second one deeper and drawn out"),
                thinking="The second call is like the first but deeper and nearly twice as long: it is played slower.",
            ),
        ),
        Question(
            text="A door is heard three times. Which time is it in a large, echoing hall?",
            choices=("The third time", "The first time", "The second time", "Every time"),
            clip=sequence(door, door, in_hall(door), gap_s=0.6),
            measured=Measured(what="longest", expected=(3, 1, 2, None)),
            skill="Acoustic Scene Reasoning",
            difficulty="medium",
        ),
    ]
