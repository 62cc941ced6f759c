import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.callers import MAX_CALLERS, RIGHTS, Callers, read_callers
from earwitness.errors import InvalidInput, NotFound, UnknownKey

SECRET = "s3cret-0123456789abcdef"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()


def written(tmp_path, text):
    file = tmp_path / "callers.yaml"
    file.write_text(text)
    return file


def one(tmp_path, **row):
    return written(tmp_path, json.dumps({"callers": [{"name": "one", "token": SECRET} | row]}))


def test_a_caller_is_found_by_its_token_however_it_is_written(tmp_path):
    for row in ({}, {"token": None, "token_sha256": DIGEST}, {"token": None, "token_sha256": DIGEST.upper()}):
        callers = read_callers(one(tmp_path, **row))
        assert callers.find(SECRET).name == "one"
        assert callers.find(SECRET[:-1]) is None
        assert callers.find("") is None
        assert callers.find("é\udcff") is None


def test_what_is_left_out_means_a_person_with_every_right_and_no_quota(tmp_path):
    callers = read_callers(one(tmp_path))
    caller = callers.find(SECRET)
    assert (caller.priority, caller.rights, caller.max_in_flight, caller.requests_per_minute) == (
        "interactive", RIGHTS, 0, 0,
    )  # fmt: skip
    assert not callers.open_health


def test_yaml_and_json_say_the_same(tmp_path):
    text = f"""
open_health: true
callers:
  - name: one
    token: {SECRET}
    priority: sweep
    rights: [llm, reflection]
    max_in_flight: 3
    requests_per_minute: 60
"""
    as_json = {"name": "one", "token": SECRET, "priority": "sweep", "rights": ["llm", "reflection"]} | {
        "max_in_flight": 3, "requests_per_minute": 60,
    }  # fmt: skip
    from_yaml = read_callers(written(tmp_path, text))
    assert from_yaml == read_callers(written(tmp_path, json.dumps({"open_health": True, "callers": [as_json]})))


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ({"name": SECRET + " "}, "name"),
        ({"name": "anonymous"}, "name"),
        ({"name": 7}, "name"),
        ({"token": "short"}, "token"),
        ({"token": SECRET + "\n"}, "token"),
        ({"token": SECRET + "é"}, "token"),
        ({"token": 12345678901234567890}, "token"),
        ({"token": [SECRET]}, "token"),
        ({"token_sha256": DIGEST}, "callers[0]"),
        ({"token": None}, "callers[0]"),
        ({"token": None, "token_sha256": SECRET}, "token_sha256"),
        ({"token": None, "token_sha256": 10**63}, "token_sha256"),
        ({"priority": SECRET}, "priority"),
        ({"priority": ["sweep"]}, "priority"),
        ({"rights": SECRET}, "rights"),
        ({"rights": ["llm", SECRET]}, "rights"),
        ({"rights": [["llm"]]}, "rights"),
        ({"max_in_flight": -1}, "max_in_flight"),
        ({"max_in_flight": True}, "max_in_flight"),
        ({"requests_per_minute": 0.5}, "requests_per_minute"),
        ({"requests_per_minute": SECRET}, "requests_per_minute"),
        ({SECRET: "one"}, "callers[0]"),
    ],
)
def test_a_row_that_cannot_be_is_named_and_not_repeated(tmp_path, row, place):
    with pytest.raises(InvalidInput) as caught:
        read_callers(one(tmp_path, **row))
    assert caught.value.field.endswith(place)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"callers:\n  - name: one\n    token: '{SECRET}\n",
        f"callers: [{SECRET}",
        f"callers: {SECRET}",
        f"{SECRET}: []",
        f"- {SECRET}",
        f"callers: [{SECRET}]",
        f"callers: {{{SECRET}: one}}",
        f"&a {SECRET}: *b",
        f"!!python/object/apply:os.system ['{SECRET}']",
        f"open_health: {SECRET}\ncallers: []",
        f"callers: []  # {SECRET}",
        "",
        "\0",
        "[" * 100_000,
    ],
)
def test_a_file_that_is_none_is_refused_without_a_word_of_it(tmp_path, text):
    with pytest.raises(InvalidInput) as caught:
        read_callers(written(tmp_path, text))
    assert SECRET not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_bytes_that_are_no_text_and_files_too_long_are_refused(tmp_path):
    file = tmp_path / "callers.yaml"
    for data in (b"\xff\xfe\xfa", b"callers: [" + b"x" * (1 << 20)):
        file.write_bytes(data)
        with pytest.raises(InvalidInput):
            read_callers(file)
    with pytest.raises(NotFound):
        read_callers(tmp_path / "none.yaml")
    with pytest.raises(InvalidInput):
        read_callers(tmp_path)


def test_a_mistyped_key_is_told_the_right_one(tmp_path):
    with pytest.raises(UnknownKey, match="did you mean 'priority'"):
        read_callers(one(tmp_path, priorty="sweep"))


def test_two_callers_share_neither_name_nor_token(tmp_path):
    rows = [{"name": "one", "token": SECRET}, {"name": "two", "token": SECRET}]
    with pytest.raises(InvalidInput, match=r"callers\[1\]: has the token"):
        read_callers(written(tmp_path, json.dumps({"callers": rows})))
    rows[1] = {"name": "one", "token": SECRET + "2"}
    with pytest.raises(InvalidInput, match=r"callers\[1\]: has the name"):
        read_callers(written(tmp_path, json.dumps({"callers": rows})))


def test_callers_are_few(tmp_path):
    rows = [{"name": f"c{index}", "token": f"{SECRET}{index}"} for index in range(MAX_CALLERS + 1)]
    with pytest.raises(InvalidInput, match="1 to 256"):
        read_callers(written(tmp_path, json.dumps({"callers": rows})))
    callers = read_callers(written(tmp_path, json.dumps({"callers": rows[1:]})))
    assert {callers.find(row["token"]).name for row in rows[1:]} == {row["name"] for row in rows[1:]}


def test_no_token_and_no_digest_stands_in_a_repr(tmp_path):
    callers = read_callers(one(tmp_path))
    assert SECRET not in repr(callers)
    assert DIGEST not in repr(callers)
    assert repr(bytes.fromhex(DIGEST)) not in repr(callers)


@given(st.text())
def test_no_text_is_a_token_of_nobody(text):
    assert Callers(entries=()).find(text) is None
