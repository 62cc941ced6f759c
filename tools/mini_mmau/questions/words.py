"""Nine questions about the words of recorded telephone prompts and synthetic voices."""

from tools.mini_mmau.clips import sequence
from tools.mini_mmau.questions.question import Deep, Question, by_words
from tools.mini_mmau.recordings import Asterisk
from tools.mini_mmau.speech import flite


def questions(prompt: Asterisk) -> list[Question]:
    """Returns the nine, in the order of their ids."""
    return [*_prompts(prompt), *_spelling(prompt), *_words(), *_talks()]


def _prompts(prompt: Asterisk) -> list[Question]:
    return [
        Question(
            text="Which animals does the speaker blame?",
            choices=("Weasels", "Monkeys", "Squirrels", "Rats"),
            clip=prompt("tt-weasels"),
            measured=by_words("weasels", "monkeys", "squirrels", "rats"),
            skill="Conversational Fact Retrieval",
            difficulty="easy",
            verified_by="source",
            transcript="Weasels have eaten our phone system.",
        ),
        Question(
            text="What is wrong with the message, according to the speaker?",
            choices=("It is too short", "It is too long", "It is too quiet", "It is empty"),
            clip=prompt("vm-tooshort"),
            measured=by_words("too short", "too long", "too quiet", "empty"),
            skill="Key highlight Extraction",
            difficulty="easy",
            verified_by="source",
            transcript="Your message is too short.",
        ),
    ]


def _spelling(prompt: Asterisk) -> list[Question]:
    order = sequence(*(prompt(f"phonetic/{letter}_p") for letter in "tkrb"), gap_s=0.3)
    cat = sequence(*(prompt(f"phonetic/{letter}_p") for letter in "cat"), gap_s=0.3)
    return [
        Question(
            text='Which word is spoken right after "Kilo"?',
            choices=("Romeo", "Tango", "Bravo", "Hotel"),
            clip=order,
            measured=by_words("kilo romeo bravo", "kilo tango", "kilo bravo romeo", "hotel"),
            skill="Phonological Sequence Decoding",
            difficulty="medium",
            verified_by="source",
            transcript="Tango. Kilo. Romeo. Bravo.",
        ),
        Question(
            text="Which word do the code words in the audio spell?",
            choices=("CAT", "COT", "BAT", "CAR"),
            clip=cat,
            measured=by_words("charlie alpha tango", "charlie oscar tango", "bravo alpha tango", "charlie alpha romeo"),
            skill="Event-Based Knowledge Retrieval",
            difficulty="medium",
            verified_by="source",
            transcript="Charlie. Alpha. Tango.",
            deep=Deep(
                skill="Professional Knowledge and Reasoning",
                cue=("three code words of the radio alphabet",),
                thinking="Charlie, Alpha and Tango stand for C, A and T in the radio alphabet, which spells CAT.",
            ),
        ),
    ]


def _words() -> list[Question]:
    shopping = "On the way home I bought a banana, some bread, and a bottle of milk."
    river = "The river is wide. The river is deep. And the river is cold."
    return [
        Question(
            text="Which fruit does the speaker mention?",
            choices=("A banana", "An apple", "A pear", "A lemon"),
            clip=flite(shopping, "slt"),
            measured=by_words("banana", "apple", "pear", "lemon"),
            skill="Conversational Fact Retrieval",
            difficulty="easy",
            transcript=shopping,
        ),
        Question(
            text="Which word appears first",
            choices=("garden", "kitchen"),
            clip=flite("We looked in the garden and then in the kitchen.", "rms"),
            measured=by_words("garden kitchen", "kitchen garden"),
            skill="Phonological Sequence Decoding",
            difficulty="easy",
            transcript="We looked in the garden and then in the kitchen.",
        ),
        Question(
            text='How often does the speaker say the word "river"?',
            choices=("Three times", "Once", "Twice", "Four times"),
            clip=flite(river, "slt"),
            measured=by_words("river river river", "river", "river river", "river river river river"),
            skill="Counting",
            difficulty="hard",
            transcript=river,
            deep=Deep(
                skill="Counting and Statistics",
                cue=("three short sentences", "the same noun in each of them"),
                thinking="Wide, deep and cold are each said of the river, which is named every time: three times.",
            ),
        ),
    ]


def _talks() -> list[Question]:
    train = ("When does the train to London leave?", "It leaves at ten, from platform four.")
    order = ("What would you like to eat?", "I will have the soup, please.", "And to drink, sir?", "A glass of water.")
    return [
        Question(
            text="From which platform does the train leave?",
            choices=("Platform four", "Platform ten", "Platform two", "Platform five"),
            clip=sequence(flite(train[0], "slt"), flite(train[1], "rms"), gap_s=0.4),
            measured=by_words("platform 4", "platform 10", "platform 2", "platform 5"),
            skill="Conversational Fact Retrieval",
            difficulty="medium",
            transcript=" ".join(train),
            deep=Deep(
                skill="Content Analysis",
                cue=("a question about a train", "a time and a platform in the reply"),
                thinking="The reply gives two numbers: ten is the time, and four is the platform.",
            ),
        ),
        Question(
            text="How are the two speakers connected?",
            choices=("waiter-guest", "doctor-patient", "teacher-pupil", "pilot-passenger"),
            clip=sequence(*(flite(said, "slt" if k % 2 == 0 else "rms") for k, said in enumerate(order)), gap_s=0.35),
            measured=by_words("like to eat soup drink", "pain", "homework", "flight"),
            skill="Multi Speaker Role Mapping",
            difficulty="medium",
            transcript=" ".join(order),
            deep=Deep(
                skill="Speaker Analysis",
                cue=("one asks what the other wants to eat and drink", "the other orders soup and water"),
                thinking="One asks for wishes and the other orders a soup and a drink, as a guest does with a waiter.",
            ),
        ),
    ]
