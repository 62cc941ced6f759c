import pytest

from earwitness.errors import MalformedRow, NotFound
from services.evaluator.akb.question import fault_of_form, from_call, read, render, repeated, to_call, write
from tests.services.evaluator.akb.questions import question


def test_what_is_written_is_read_again(tmp_path):
    questions = [question(1, id="a", verified_by="author", evidence="It is so."), question(2)]
    write(tmp_path / "new" / "q.jsonl", questions)
    assert read(tmp_path / "new" / "q.jsonl") == questions
    assert (tmp_path / "new" / "q.jsonl").read_bytes() == render(questions)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"question": " "}, "blank"),
        ({"question": "Two\nlines?"}, "line break"),
        ({"choices": ("alpha 0",)}, "1 choices"),
        ({"choices": ("alpha 0", "Alpha 0")}, "the same"),
        ({"answer": "beta"}, "none of the choices"),
        ({}, ""),
        ({"choices": ("-17 dB", "17 dB"), "answer": "17 dB"}, ""),
    ],
)
def test_a_fault_of_form_is_named(fields, fault):
    found = fault_of_form(question(**fields))
    assert fault in found and bool(found) is bool(fault)


def test_a_wrong_row_is_refused_by_line(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_bytes(render([question(1)]) + b'{"question": "What?"}\n')
    with pytest.raises(MalformedRow, match=r"q.jsonl:2"):
        read(path)
    path.write_bytes(render([question(1), question(2, answer="none of them")]))
    with pytest.raises(MalformedRow, match=r"q.jsonl:2: the answer is none"):
        read(path)
    with pytest.raises(NotFound):
        read(tmp_path / "nowhere.jsonl")


def test_content_is_the_words_whatever_the_id_and_the_order():
    one = question(1, id="a")
    assert one.content == question(1, id="b", choices=one.choices[::-1]).content
    assert one.content != question(1, answer=one.choices[1]).content


def test_a_question_is_not_asked_twice_whatever_its_case_and_punctuation():
    one = question(1)
    again = question(1, question=one.question.upper().rstrip("?"), choices=("a", "b"), answer="a")
    assert repeated([one, question(2), again]) == [(one, again)]


def test_quoted_words_alone_do_not_make_a_new_question():
    one = question(1, question='Which word rhymes with "moon"?')
    other = question(1, question='Which word rhymes with "June"?')
    assert repeated([one, other]) == [(one, other)]
    assert repeated([one, question(2, question=other.question)]) == []


@pytest.mark.parametrize(
    ("evidence", "call"),
    [
        ({"rule": "rhymes", "word": "moon", "wanted": False}, 'rhymes(word="moon", wanted=false)'),
        ({"rule": "sine_crest_factor"}, "sine_crest_factor()"),
        ({"rule": "summed_level", "levels_db": [70, 70]}, "summed_level(levels_db=[70, 70])"),
        ({"rule": "homophones", "word": 'a "b", c=1'}, 'homophones(word="a \\"b\\", c=1")'),
    ],
)
def test_a_rule_is_written_and_read_as_a_call(evidence, call):
    assert to_call(evidence) == call
    assert from_call(call) == evidence


@pytest.mark.parametrize(
    "text", ["The Oxford Dictionary of Music", "rhymes(moon)", "rhymes(word=moon)", "no call()x", ""]
)
def test_a_text_that_is_no_call_is_refused(text):
    with pytest.raises(ValueError):
        from_call(text)
