import pytest

from earwitness.admission import Admission
from earwitness.errors import Overloaded


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
