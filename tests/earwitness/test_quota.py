import pytest

from earwitness.callers import Caller
from earwitness.errors import Overloaded, QuotaExceeded
from earwitness.quota import Quota


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_one_request_too_many_at_once_is_refused_and_a_finished_one_makes_room():
    quota, caller = Quota(), Caller(name="team", max_in_flight=2)
    with quota.slot(caller):
        with quota.slot(caller), pytest.raises(QuotaExceeded, match="team: 2 of its 2") as caught, quota.slot(caller):
            pass
        assert caught.value.retry_after_s > 0
        with quota.slot(caller):
            assert quota.in_flight == 2
    assert quota.in_flight == 0
    assert isinstance(caught.value, Overloaded)


def test_a_minutes_requests_may_come_at_once_and_the_next_one_has_its_moment(clock):
    quota, caller = Quota(clock), Caller(name="team", requests_per_minute=6)
    for _ in range(6):
        with quota.slot(caller):
            pass
    with pytest.raises(QuotaExceeded) as caught, quota.slot(caller):
        pass
    assert caught.value.retry_after_s == pytest.approx(10)
    clock.now += 9.9
    with pytest.raises(QuotaExceeded), quota.slot(caller):
        pass
    clock.now += 0.2
    with quota.slot(caller):
        pass


def test_whoever_waits_as_long_as_it_is_told_gets_in(clock):
    quota, caller = Quota(clock), Caller(name="team", requests_per_minute=100)
    refused = 0
    for items in (60, 60, 7, 100, 1, 250, 3):
        try:
            with quota.slot(caller, items):
                continue
        except QuotaExceeded as error:
            clock.now += error.retry_after_s + 1e-6
        with quota.slot(caller, items):
            refused += 1
    assert refused > 1


def test_a_refusal_spends_nothing(clock):
    quota, caller = Quota(clock), Caller(name="team", requests_per_minute=2, max_in_flight=9)
    for _ in range(2):
        with quota.slot(caller):
            pass
    for _ in range(100):
        with pytest.raises(QuotaExceeded), quota.slot(caller):
            pass
    clock.now += 30.001
    with quota.slot(caller):
        assert quota.in_flight == 1


def test_limits_may_change_between_calls(clock):
    quota = Quota(clock)
    with quota.slot(Caller(name="team", requests_per_minute=1)):
        with pytest.raises(QuotaExceeded), quota.slot(Caller(name="team", requests_per_minute=1)):
            pass
        with quota.slot(Caller(name="team", requests_per_minute=10)):
            pass
    with quota.slot(Caller(name="team"), 10_000):
        pass
