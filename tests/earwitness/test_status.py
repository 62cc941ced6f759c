import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import errors
from earwitness.errors import EarwitnessError, InvalidInput, NotFound, Overloaded
from earwitness.status import from_status, grpc_code, to_status
from tests.earwitness.test_errors import CLASSES

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def packed(message):
    result = any_pb2.Any()
    result.Pack(message)
    return result


@settings(deadline=None)
@given(cls=st.sampled_from(CLASSES), message=WORDS, field=WORDS, remedy=WORDS)
def test_an_error_comes_back_as_it_was(cls, message, field, remedy):
    error = cls(message, field, remedy)
    back = from_status(status_pb2.Status.FromString(to_status(error).SerializeToString()))
    assert type(back) is cls
    assert vars(back) == vars(error)


@pytest.mark.parametrize("wait_s", [0.0, 2.01, 4.06, 1e-9])
def test_a_time_to_wait_comes_back_to_the_nanosecond(wait_s):
    error = from_status(to_status(Overloaded("full", retry_after_s=wait_s)))
    assert isinstance(error, Overloaded)
    assert error.retry_after_s == wait_s


def test_a_message_that_repeats_its_field_or_remedy_keeps_both():
    error = InvalidInput("a: b (c)", "a", "c")
    assert vars(from_status(to_status(error))) == vars(error)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_status_has_the_code_of_the_class_and_the_text_of_the_error(cls):
    error = cls("is late", "train", "hurry")
    status = to_status(error)
    assert code_pb2.Code.Name(status.code) == cls.code == grpc_code(error).name
    assert status.message == str(error)


def test_standard_readers_find_field_and_delay_in_standard_details():
    violations, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    assert to_status(InvalidInput("is empty", "audio", "send some")).details[1].Unpack(violations)
    assert violations.field_violations[0].field == "audio"
    assert to_status(Overloaded("full", retry_after_s=0.7)).details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 700


def test_a_long_error_is_cut_at_a_character_and_keeps_its_class():
    back = from_status(to_status(InvalidInput("é" * 10_000, "f" * 10_000, "r" * 10_000)))
    assert type(back) is InvalidInput
    assert back.message.rstrip("…") == "é" * (len(back.message) - 1)
    assert all(text.endswith("…") and len(text.encode()) <= 512 for text in (back.message, back.field, back.remedy))


def test_half_of_a_surrogate_pair_does_not_stop_an_error():
    assert from_status(to_status(NotFound("no file \udcff.wav"))).message == "no file ?.wav"


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        ("INVALID_ARGUMENT", errors.InvalidInput),
        ("NOT_FOUND", errors.NotFound),
        ("UNIMPLEMENTED", errors.NotFound),
        ("FAILED_PRECONDITION", errors.NotReady),
        ("RESOURCE_EXHAUSTED", errors.Overloaded),
        ("UNAVAILABLE", errors.Unavailable),
        ("DEADLINE_EXCEEDED", errors.DeadlineExceeded),
        ("INTERNAL", EarwitnessError),
        ("UNKNOWN", EarwitnessError),
    ],
)
def test_a_plain_status_of_another_origin_becomes_the_nearest_class(code, cls):
    error = from_status(status_pb2.Status(code=grpc.StatusCode[code].value[0], message="so it is"))
    assert type(error) is cls
    assert error.message == "so it is"


def test_a_code_that_no_one_knows_is_an_error_all_the_same():
    assert type(from_status(status_pb2.Status(code=999, message="?"))) is EarwitnessError


def test_the_details_of_another_origin_are_read_too():
    violation = error_details_pb2.BadRequest.FieldViolation(field="name", description="name: is bad")
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    foreign = error_details_pb2.ErrorInfo(reason="UnreadableAudio", domain="example.com")
    details = [packed(foreign), packed(bad)]
    error = from_status(status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="bad", details=details))
    assert type(error) is InvalidInput
    assert (error.field, error.message) == ("name", "name: is bad")
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    error = from_status(status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, details=[packed(retry)]))
    assert isinstance(error, Overloaded)
    assert error.retry_after_s == 1.5


def test_a_class_that_this_release_does_not_know_is_read_by_its_code():
    info = error_details_pb2.ErrorInfo(reason="Tomorrow", domain="earwitness", metadata={"field": "f", "remedy": "r"})
    error = from_status(status_pb2.Status(code=code_pb2.NOT_FOUND, message="f: gone (r)", details=[packed(info)]))
    assert type(error) is NotFound
    assert (error.message, error.field, error.remedy) == ("gone", "f", "r")
