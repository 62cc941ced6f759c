import json

import pytest

from earwitness.errors import EngineFailure, InvalidInput, Overloaded
from earwitness.status import DETAILS_KEY, to_status
from tools.fuzz.verdict import of_grpc, of_http


def of(code: str, error) -> str:
    return of_grpc(code, "", [(DETAILS_KEY, to_status(error).SerializeToString())]).fault


def test_an_answer_and_a_refusal_with_its_reason_are_right() -> None:
    assert not of_grpc("OK", "", None).fault
    assert not of("INVALID_ARGUMENT", InvalidInput("wrong", "messages"))
    assert not of("RESOURCE_EXHAUSTED", Overloaded("full"))
    assert of_grpc("UNIMPLEMENTED", "Method not found!", None).ending == "UNIMPLEMENTED (gRPC)"
    assert not of_grpc("RESOURCE_EXHAUSTED", "CLIENT: Received message larger than max (9 vs. 4)", None).fault


def test_an_internal_is_a_fault_whatever_it_says() -> None:
    assert of("INTERNAL", EngineFailure("internal error"))
    assert of_grpc("INTERNAL", "boom", None).fault
    assert of_grpc("UNKNOWN", "Unexpected <class 'ValueError'>", None).fault


def test_a_status_without_a_reason_or_with_that_of_another_is_a_fault() -> None:
    assert of_grpc("INVALID_ARGUMENT", "wrong", None).fault
    assert of_grpc("RESOURCE_EXHAUSTED", "full", None).fault
    assert of_grpc("UNAVAILABLE", "gone", ()).fault
    assert of("NOT_FOUND", InvalidInput("wrong"))


@pytest.mark.parametrize(
    ("status", "kind", "body", "right"),
    [
        (200, "application/json", b"{}", True),
        (400, "application/json", json.dumps({"error": {"message": "m", "type": "t", "code": "c"}}).encode(), True),
        (400, "text/plain", b"Bad Request", True),
        (400, "application/json", b"{}", False),
        (404, "text/plain", b"404: Not Found", False),
        (500, "application/json", json.dumps({"error": {"message": "m", "type": "t", "code": "c"}}).encode(), False),
    ],
)
def test_an_http_error_has_a_message_a_type_and_a_code(status: int, kind: str, body: bytes, right: bool) -> None:
    assert (not of_http(status, kind, body).fault) is right
