"""Eleven questions about voices: who speaks, how many speak, and how; the words do not tell."""

from tools.mini_mmau.clips import sequence
from tools.mini_mmau.questions.question import Deep, Measured, Question
from tools.mini_mmau.recordings import Asterisk
from tools.mini_mmau.speech import espeak, flite

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def questions(prompt: Asterisk) -> list[Question]:
    """Returns the eleven, in the order of their ids."""
    return [*_digits(prompt), *_voices(), *_speakers(), *_rates(), *_manners()]


def _digits(prompt: Asterisk) -> list[Question]:
    digits = sequence(*(prompt(f"digits/{digit}") for digit in "73925"), gap_s=0.35)
    return [
        Question(
            text="How many digits does the speaker read out?",
            choices=("five", "three", "four", "seven"),
            clip=digits,
            measured=Measured(what="num_events", expected=(5, 3, 4, 7), arguments={"gap_s": 0.3}),
            skill="Counting",
            difficulty="medium",
            transcript="Seven. Three. Nine. Two. Five.",
        ),
    ]


def _voices() -> list[Question]:
    offer = "The shop on the corner opens at nine."
    return [
        Question(
            text="Based on the voice, who is speaking?",
            choices=("A woman", "A man"),
            clip=flite("The garden behind the house is full of roses.", "slt"),
            measured=Measured(what="pitch_hz", expected=(175, 110), arguments={"high_hz": 400}),
            skill="Multi Speaker Role Mapping",
            difficulty="easy",
            transcript="The garden behind the house is full of roses.",
            deep=Deep(
                skill="Speaker Analysis",
                cue=("a single voice", "a high pitch for an adult"),
                thinking="The single voice lies well above the range of most men and has an adult timbre: a woman.",
            ),
        ),
        Question(
            text="Three people say the same sentence. Which of them is a woman?",
            choices=("The second", "The first", "The third", "None of them"),
            clip=sequence(flite(offer, "rms"), flite(offer, "slt"), flite(offer, "awb"), gap_s=0.5),
            measured=Measured(what="highest", expected=(2, 1, 3, None)),
            skill="Multi Speaker Role Mapping",
            difficulty="medium",
            transcript=" ".join([offer] * 3),
        ),
    ]


def _speakers() -> list[Question]:
    two = [
        flite("Have you seen my keys?", "slt"),
        flite("They are on the table.", "rms"),
        flite("Thank you so much.", "slt"),
        flite("You are welcome.", "rms"),
    ]
    said = ("I will take the train.", "I prefer to walk.", "And I will stay at home.")
    voices = (espeak(said[0], "m3", pitch=25), espeak(said[1], "f2", pitch=85), espeak(said[2], "m7", pitch=65))
    return [
        Question(
            text="How many speakers are speaking in this conversation?",
            choices=("two", "one", "three", "four"),
            clip=sequence(*two, gap_s=0.4),
            measured=Measured(what="num_voices", expected=(2, 1, 3, 4)),
            skill="Counting",
            difficulty="easy",
            transcript="Have you seen my keys? They are on the table. Thank you so much. You are welcome.",
            deep=Deep(
                skill="Speaker Analysis",
                cue=("four short turns", "a woman's voice in the first and third, a man's in the others"),
                thinking="Of the four turns the first and third share a voice and so do the others: two speakers.",
            ),
        ),
        Question(
            text="How many individuals are part of this exchange?",
            choices=("three", "one", "two", "five"),
            clip=sequence(*voices, gap_s=0.5),
            measured=Measured(what="num_voices", expected=(3, 1, 2, 5)),
            skill="Counting",
            difficulty="medium",
            transcript=" ".join(said),
        ),
    ]


def _rates() -> list[Question]:
    line = "Please close the window before you leave."
    hurried = "We have to be at the station before the last train leaves or we will never get home tonight."
    return [
        Question(
            text="The same sentence is spoken twice. How does the second time differ?",
            choices=("It is spoken faster", "It is spoken more slowly", "It is spoken in a higher voice"),
            clip=sequence(flite(line, "rms", 1.5), flite(line, "rms", 0.8), gap_s=0.6),
            measured=Measured(what="event_ratio", expected=(0.55, 1.9, None), arguments={"of": "duration"}),
            skill="Key highlight Extraction",
            difficulty="easy",
            transcript=f"{line} {line}",
            deep=Deep(
                skill="Audio Difference Analysis",
                cue=("the same words twice", "the second time in about half of the time"),
                thinking="The words and the voice are the same, but the second time takes about half as long: faster.",
            ),
        ),
        Question(
            text="How fast does the speaker talk?",
            choices=("Very fast", "At an ordinary pace", "Very slowly"),
            clip=espeak(hurried, "m1", wpm=270),
            measured=Measured(
                what="words_per_s", expected=(6.0, 2.7, 1.2), arguments={"num_words": len(hurried.split())}
            ),
            skill="Key highlight Extraction",
            difficulty="easy",
            transcript=hurried,
        ),
        Question(
            text="After which of the days does the speaker make a long pause?",
            choices=("Tuesday", "Monday", "Wednesday", "Thursday"),
            clip=sequence(*(flite(f"{day}.", "slt") for day in _DAYS), gap_s=[0.25, 1.3, 0.25, 0.25]),
            measured=Measured(what="longest_gap", expected=(2, 1, 3, 4)),
            skill="Phonological Sequence Decoding",
            difficulty="medium",
            transcript=" ".join(f"{day}." for day in _DAYS),
        ),
    ]


def _manners() -> list[Question]:
    line, beach = "The water in the lake is cold today.", "I would like to go to the beach."
    return [
        Question(
            text="How does the speaker say the sentence?",
            choices=("In a whisper", "In an ordinary voice", "In a singing voice", "Shouting"),
            clip=espeak(line, "whisper", wpm=130),
            measured=Measured(what="voiced_share", expected=(0.0, 0.7, 0.9, None)),
            skill="Emotion State summarisation",
            difficulty="medium",
            transcript=line,
        ),
        Question(
            text="The same sentence is spoken twice. How does the second voice differ from the first?",
            choices=("It is higher", "It is lower", "It has the same pitch"),
            clip=sequence(espeak(beach, "m3", pitch=30), espeak(beach, "m3", pitch=85), gap_s=0.6),
            measured=Measured(what="event_ratio", expected=(1.7, 0.6, 1.0), arguments={"of": "pitch"}),
            skill="Multi Speaker Role Mapping",
            difficulty="easy",
            transcript=f"{beach} {beach}",
        ),
        Question(
            text="Judging by the intonation, what is the speaker doing?",
            choices=("Asking a question", "Stating a fact"),
            clip=espeak("You have seen the blue car?", "f3", wpm=140),
            measured=Measured(what="final_rise", expected=(5, -3)),
            skill="Phonemic Stress Pattern Analysis",
            difficulty="hard",
            transcript="You have seen the blue car?",
            deep=Deep(
                skill="Emotion and Intention",
                cue=("the word order of a statement", "a pitch that rises at the end"),
                thinking="The words stand as in a statement, but the pitch rises on the last: a question.",
            ),
        ),
    ]
