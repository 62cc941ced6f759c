import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.extract import EXTRACTORS, final, read, unwrapped
from services.evaluator.items import LETTERS
from services.evaluator.options import Options

CHOICES = ("Rain", "Thunder", "Wind", "Dog barking")
ECHO = "(A) Rain (B) Thunder (C) Wind (D) Dog barking"

NONE, SEVERAL = "", "ABCD"
EACH_BY_ITSELF = [
    # text of the answer                     phrase   letter   text     mention
    ("B", NONE, "B", NONE, NONE),
    ("**C**", NONE, "C", NONE, NONE),
    ("(b) Thunder", NONE, "B", "B", "B"),
    ("B. Thunder", NONE, "B", "B", "B"),
    ("(A) Thunder", NONE, "A", "B", "B"),
    ("Thunder", NONE, NONE, "B", "B"),
    ("THUNDER!", NONE, NONE, "B", "B"),
    ("a dog barking", NONE, NONE, "D", "D"),
    ("Thunder, it rolls", NONE, NONE, "B", "B"),
    ("I hear thunder there", NONE, NONE, NONE, "B"),
    ("I hear wind and rain", NONE, NONE, NONE, "AC"),
    ("I hear no thunder", NONE, NONE, NONE, NONE),
    ("Answer:C", "C", NONE, NONE, NONE),
    ("The correct answer is: Wind", "C", NONE, NONE, "C"),
    ('The correct answer is: "(C) Wind" ".', "C", NONE, NONE, "C"),
    ("I choose option B", "B", NONE, NONE, NONE),
    ("B is correct", "B", NONE, NONE, NONE),
    ("The answer is A. No, the answer is C.", "AC", NONE, NONE, NONE),
    (r"\boxed{C}", NONE, "C", NONE, NONE),
    (r"so $\boxed{\text{Wind}}$", NONE, NONE, "C", "C"),
    ("Rain? <answer>(B) Thunder</answer>", NONE, "B", "B", "B"),
    ("<think>A, surely A</think>C", NONE, "C", NONE, NONE),
    ("<think>The answer is A", NONE, NONE, NONE, NONE),
    ("(A) Thunder\n(B) Rain", NONE, "AB", "AB", "AB"),
    (ECHO, NONE, SEVERAL, NONE, SEVERAL),
    ("train", NONE, NONE, NONE, NONE),
]

READABLE = [
    ("B", 1),
    ("b", 1),
    ("(B)", 1),
    ("B.", 1),
    ("**C**", 2),
    ("b) thunder", 1),
    ("B Thunder", 1),
    ("B - Thunder", 1),
    ("Answer:C", 2),
    ("Option C: wind", 2),
    ("I choose C", 2),
    ("The answer is **C**", 2),
    ("The answer is (b) Thunder", 1),
    ("The answer is A because it is wet", 0),
    ("The answer is probably B", 1),
    ("The answer is:\n\nB", 1),
    ("The correct answer is B, not A.", 1),
    ("The correct option is: C. Wind", 2),
    ('The correct answer is: "Thunder" ".', 1),
    ("The answer is thunder, not rain.", 1),
    ("I think B is correct.", 1),
    ('{"answer": "B"}', 1),
    (r"so it is \boxed{B}", 1),
    (r"\boxed{\text{(B) Thunder}}", 1),
    ("Not rain. <answer>Thunder</answer>", 1),
    ("<answer>B", 1),
    ("<think>A? B? surely A</think>\n(C) Wind", 2),
    ("A? No.</think> C", 2),
    ("Thunder.", 1),
    ("thunder, because rain is softer", 1),
    ("a dog barking", 3),
    ("It is the thunder that rolls", 1),
    ("A: it rolls like thunder", 1),
    (f"{ECHO}\nAnswer: B", 1),
    ("(D) Dog barking\n\nExplanation: rain and thunder are absent.", 3),
]
UNREADABLE = [
    "",
    " \n ",
    "I do not know.",
    "None of the above",
    "[REQUEST_FAILED after 5 retries]",
    "Error: 503 Service Unavailable",
    "A dog barks",
    "The answer is a",
    "E",
    "The answer is E",
    "Option C: rain",
    "(A) Thunder",
    "A or B",
    "A, B and C are wrong",
    "The answer is not B.",
    "It is not thunder.",
    "There is no thunder here",
    "The sound of wind or rain",
    "Rain, thunder",
    "train",
    "The answer is B. Wait, the answer is C.",
    "<think>it must be B",
    ECHO,
    ECHO.replace(" (", "\n("),
    "<answer>nothing</answer> B",
]


@pytest.mark.parametrize(("answer", "phrase", "letter", "text", "mention"), EACH_BY_ITSELF)
def test_each_extractor_finds_what_its_own_kind_of_evidence_points_to(answer, phrase, letter, text, mention):
    said, options = final(answer), Options.of(CHOICES)
    found = {
        name: "".join(LETTERS[index] for index in sorted(extract(said, options)))
        for name, extract in EXTRACTORS.items()
    }
    assert found == {"phrase": phrase, "letter": letter, "text": text, "mention": mention}


@pytest.mark.parametrize(("text", "choice"), READABLE)
def test_an_answer_that_chooses_one_option_is_read(text, choice):
    assert read(text, CHOICES).choice == choice


@pytest.mark.parametrize("text", UNREADABLE)
def test_an_answer_that_chooses_none_or_several_is_not_read(text):
    assert read(text, CHOICES).choice is None


@pytest.mark.parametrize(
    ("text", "choices", "choice"),
    [
        ("C major", ("A major", "C major", "G major"), 1),
        ("The answer is C major", ("D minor", "A major", "C major"), 2),
        ("It is in C# minor.", ("C minor", "C# minor"), 1),
        ("D", ("G", "A#", "D", "E"), None),
        ("The answer is D.", ("G", "A#", "D", "E"), None),
        ("(D)", ("G", "A#", "D", "E"), 3),
        ("D", ("A", "B", "C", "D"), 3),
        ("The A chord", ("A", "B"), None),
        ("It is Cm7 here", ("CM7", "Cm7"), 1),
        ("There are twenty-one of them", ("one", "twenty", "twenty-one"), 2),
        ("The meter is 3/4 time", ("3", "4", "3/4"), 2),
        ("It is -3 dB", ("3 dB", "-3 dB"), 1),
        ("It is 10.5 s", ("10", "5"), None),
        ("There is no other speaker", ("Yes", "No"), None),
        ("No, there isn't", ("Yes", "No"), 1),
        ("Yes, it is the third sound.", ("Yes, it is the second sound.", "Yes, it is the third sound.", "Yes"), 1),
        ("The woman speaks", ("Man", "Woman"), 1),
        ("I hear heavy rain", ("Rain", "Heavy rain"), 1),
        ("I hear heavy rain, then some rain", ("Rain", "Heavy rain"), None),
    ],
)
def test_options_that_look_like_letters_words_or_each_other_are_told_apart(text, choices, choice):
    assert read(text, choices).choice == choice


def test_a_choice_that_stands_twice_is_one_choice():
    assert read("fourteen", ("four", "fourteen", "fourteen")).choice == 1
    assert read("C", ("four", "fourteen", "fourteen")).choice == 1


def test_the_votes_show_where_extractors_disagree():
    reading = read("(A) Thunder", CHOICES)
    assert reading.votes["letter"] == 0
    assert reading.votes["text"] == 1
    assert reading.disagrees
    assert not read("(B) Thunder", CHOICES).disagrees


def test_what_counts_is_unwrapped_for_the_official_match():
    assert final("so <answer> **Thunder** </answer>.") == "Thunder"
    assert unwrapped(final("<think>x</think>The correct answer is: **Thunder**")) == "Thunder"


texts = st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=8)
options = st.lists(
    st.sampled_from(["Rain", "Thunder", "A dog", "C major", "D", "3/4", "twenty-one", "Yes, it is.", "one", "-3 dB"]),
    min_size=1,
    max_size=8,
    unique=True,
)
sentences = st.sampled_from(
    ["{}", "{}.", '"{}"', "The answer is {}.", "The correct answer is: {}", "<answer>{}</answer>", "I hear {} in it"]
)


@given(st.text(), texts)
def test_any_text_reads_as_one_of_the_options_or_as_none(text, choices):
    choice = read(text, choices).choice
    assert choice is None or 0 <= choice < len(choices)


@pytest.mark.parametrize(
    "answer", ["Rain, " * 5000, "(B) " * 5000, ECHO * 500, "The answer is B. " * 1000, "<answer>" * 999]
)
def test_a_model_that_repeats_itself_for_ever_is_read_like_any_other(answer):
    assert read(answer, CHOICES).choice in (None, 0, 1)


@given(st.text(alphabet=" \t\n.,;:!?-*#`()[]{}<>/", max_size=40))
def test_nothing_is_read_from_an_answer_without_words(text):
    assert read(text, CHOICES).choice is None


@given(st.sampled_from(LETTERS), st.sampled_from(["{}", "({})", "{}.", "Answer: {}", "The answer is ({})"]), options)
def test_a_letter_reads_as_its_option_or_as_none_when_there_is_no_such_option(letter, form, choices):
    choice = read(form.format(letter), choices).choice
    index = LETTERS.index(letter)
    if index >= len(choices):
        assert choice in (None, choices.index(letter) if letter in choices else None)
    else:
        assert choice == index or (letter in choices and choice is None)


@given(st.data(), sentences, options)
def test_permuting_the_options_does_not_change_which_text_is_read(data, sentence, choices):
    said = sentence.format(data.draw(st.sampled_from(choices)))
    permuted = data.draw(st.permutations(choices))
    for name in ("text", "mention"):
        texts = [
            {order[index] for index in EXTRACTORS[name](final(said), Options.of(order))}
            for order in (choices, permuted)
        ]
        assert texts[0] == texts[1]


@given(st.data(), options.filter(lambda choices: "D" not in choices))
def test_an_option_repeated_word_for_word_is_read_and_no_other(data, choices):
    chosen = data.draw(st.sampled_from(range(len(choices))))
    assert read(choices[chosen], choices).choice == chosen
    assert read(f"({LETTERS[chosen]}) {choices[chosen]}", choices).choice == chosen


NUMBERS = ("3", "4", "5", "500", "503")
ERRORS = [
    "[REQUEST FAILED after {n} retries]",
    "[LMMS_EVAL_REQUEST_FAILED after {n} retries]",
    "[Error: no answer in {n} attempts]",
    "Internal Server Error",
    "500 Internal Server Error: replica {n}",
    "HTTP/1.1 503 Service Unavailable (after {n} s)",
    "502 Bad Gateway",
    "Error: {n}",
    "Error code: 429 - retry in {n} s, option B",
    "openai.RateLimitError: the answer is (B) {n}",
    "RuntimeError: CUDA out of memory, {n} GiB asked",
    "Traceback (most recent call last):\n  File \"a.py\", line {n}, in b\nKeyError: 'B'",
    '{{"error": {{"message": "Thunder", "code": {n}}}}}',
    "null",
    "None",
    "nan",
    "N/A",
    "undefined",
]


@given(st.text(alphabet=" \t\n\r\u00a0\u3000", max_size=20), texts)
def test_no_extractor_invents_an_answer_from_nothing(blank, choices):
    assert not any(extract(final(blank), Options.of(choices)) for extract in EXTRACTORS.values())


@given(
    st.sampled_from(ERRORS), st.sampled_from(NUMBERS), st.permutations((*NUMBERS, *CHOICES, "Server room", "A", "no"))
)
def test_no_extractor_invents_an_answer_from_an_error(error, number, choices):
    text = error.format(n=number)
    assert not any(extract(final(text), Options.of(choices)) for extract in EXTRACTORS.values())
    assert (read(text, choices).choice, read(f" {text}\n", choices).extractor) == (None, "")


@pytest.mark.parametrize(
    ("text", "choices", "choice"),
    [
        ("None", ("Choir singing", "None"), 1),
        ("Engine failure", ("Brake failure", "Engine failure"), 1),
        ("440 Hz", ("220 Hz", "440 Hz"), 1),
        ("[B]", CHOICES, 1),
        ("It decorrelates the error", ("It decorrelates the error", "It hides the error"), 0),
    ],
)
def test_an_option_that_sounds_like_an_error_can_be_chosen(text, choices, choice):
    assert read(text, choices).choice == choice
