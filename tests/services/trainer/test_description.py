import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import InvalidInput
from services.trainer.description import Event, attributes_of, describe, parse

WORDS = st.from_regex(r"[A-Za-z][A-Za-z' -]{0,20}[A-Za-z]", fullmatch=True)
SENTENCES = st.from_regex(r"[A-Z][a-z]+( [a-z()',:]+){0,8}[.?!]", fullmatch=True)


@st.composite
def events(draw):
    start_s = draw(st.integers(0, 7_200))
    return Event(
        start_s=start_s,
        end_s=start_s + draw(st.integers(0, 600)),
        transcript=draw(st.just("") | SENTENCES),
        attributes=draw(st.dictionaries(WORDS, st.just("") | WORDS, max_size=5)),
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Event(
                start_s=0,
                end_s=2.3,
                transcript="Excuse me?",
                attributes={"Emotion": "Neutral", "Gender": "Female", "Pitch": "Very high", "Duration": "2s"},
            ),
            "[00:00-00:02] Excuse me? (Emotion: Neutral, Gender: Female, Pitch: Very high, Duration: 2s)",
        ),
        (Event(start_s=0, end_s=10, attributes={"speech": "", "gush": ""}), "[00:00-00:10] (speech, gush)"),
        (
            Event(start_s=0, end_s=30, attributes={"Genre": "reggae", "Duration": "30s"}),
            "[00:00-00:30] (Genre: reggae, Duration: 30s)",
        ),
        (Event(start_s=59.5, end_s=6_000, transcript="Hello"), "[01:00-100:00] Hello"),
        (Event(start_s=1, end_s=2), "[00:01-00:02]"),
    ],
)
def test_an_event_is_one_line_as_in_desta_aqa5m(event, line):
    assert describe([event]) == line


@given(st.lists(events(), min_size=1, max_size=4))
def test_what_is_described_reads_back(heard):
    assert parse(describe(heard)) == tuple(heard)


@pytest.mark.parametrize(
    "event",
    [
        Event(start_s=0, end_s=1, transcript="two\nlines"),
        Event(start_s=0, end_s=1, transcript=" blanks "),
        Event(start_s=0, end_s=1, transcript="he left (at last)"),
        Event(start_s=0, end_s=1, attributes={"Genre": "hip hop, rap"}),
        Event(start_s=0, end_s=1, attributes={"Genre": "rock (hard)"}),
        Event(start_s=0, end_s=1, attributes={"a: b": "c"}),
        Event(start_s=0, end_s=1, attributes={"": ""}),
    ],
)
def test_what_would_not_read_back_is_refused(event):
    with pytest.raises(InvalidInput, match=r"event: .* would not read back"):
        describe([event])


@pytest.mark.parametrize("line", ["", "Hello", "[0:0-0:1] Hello", "[00:00-00:61] Hello", "[00:00 - 00:02] Hello"])
def test_another_form_is_no_description(line):
    with pytest.raises(InvalidInput, match="no line of a description"):
        parse(line)


@pytest.mark.parametrize("event", [Event(start_s=2, end_s=1), Event(start_s=-1, end_s=1)])
def test_times_go_forward_from_0(event):
    for exact in (True, False):
        with pytest.raises(InvalidInput, match="is no time"):
            describe([event], exact=exact)


def test_metadata_of_others_is_described_as_it_is():
    said = Event(start_s=0, end_s=2, transcript="he left\n(at last)", attributes={"Genre": "hip hop, rap"})
    assert describe([said], exact=False) == "[00:00-00:02] he left (at last) (Genre: hip hop, rap)"


def test_attributes_are_found_in_what_can_be_read():
    description = "[00:00-00:02] Hi. (Gender: Male, Pitch: Low)\na line of another form\n[00:02-00:03] (rain)"
    assert list(attributes_of(description)) == [("Gender", "Male"), ("Pitch", "Low"), ("rain", "")]
