from contextlib import ExitStack, contextmanager

import pytest

from earwitness import calls
from earwitness.admission import Admission
from earwitness.calls import Call
from earwitness.errors import Overloaded

PERSON, SWEEP = Call(caller="person"), Call(caller="sweep", priority="sweep")


@contextmanager
def slot(admission, call, items=1):
    """A place for a call that is the current one for as long as it asks."""
    before = calls.current()
    calls.begin(call)
    try:
        with admission.slot(items):
            calls.begin(before)
            yield
    finally:
        calls.begin(before)


def test_one_call_too_many_is_refused_at_once_and_told_when_to_try_again():
    admission = Admission(2, retry_after_s=0.25)
    with admission.slot(), admission.slot():
        with pytest.raises(Overloaded, match="2 of 2 places are taken") as caught, admission.slot():
            pass
        assert caught.value.retry_after_s == 0.25
    with admission.slot(2):
        assert admission.in_flight == 2


def test_a_place_is_free_again_however_its_call_ended():
    admission = Admission(1)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), admission.slot():
            raise error
    assert admission.in_flight == 0


def test_a_refusal_takes_no_place():
    admission = Admission(3)
    with admission.slot(2):
        with pytest.raises(Overloaded), admission.slot(2):
            pass
        with admission.slot(1):
            assert admission.in_flight == 3


def test_an_idle_server_admits_a_call_of_any_size_and_then_no_other():
    admission = Admission(4)
    with admission.slot(100), pytest.raises(Overloaded), admission.slot():
        pass


def test_sweeps_have_a_share_and_a_person_finds_a_place_beside_them():
    admission = Admission(8, sweep_share=0.75)
    with ExitStack() as held:
        for _ in range(6):
            held.enter_context(slot(admission, SWEEP))
        with pytest.raises(Overloaded, match="6 of 6 places are taken"), slot(admission, SWEEP):
            pass
        for _ in range(2):
            held.enter_context(slot(admission, PERSON))
        for call in (PERSON, SWEEP):
            with pytest.raises(Overloaded), slot(admission, call):
                pass
    assert admission.in_flight == 0


def test_people_may_take_every_place_and_then_no_sweep_has_one():
    admission = Admission(4)
    with slot(admission, PERSON, 4), pytest.raises(Overloaded, match="4 of 4"), slot(admission, SWEEP):
        pass


def test_a_sweep_larger_than_its_share_leaves_the_rest_to_people():
    admission = Admission(8)
    with slot(admission, SWEEP, 100), slot(admission, PERSON, 2):
        for call in (PERSON, SWEEP):
            with pytest.raises(Overloaded), slot(admission, call):
                pass
    with slot(admission, PERSON), slot(admission, SWEEP, 100):
        assert admission.in_flight == 101


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_sweep_is_never_shut_out_of_an_idle_server(limit):
    admission = Admission(limit)
    with slot(admission, SWEEP):
        assert admission.in_flight == 1
