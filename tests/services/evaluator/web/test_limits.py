import pytest

from earwitness.errors import Overloaded
from services.evaluator.web import limits
from services.evaluator.web.limits import Limits


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def wrong(counted: Limits, address: str, times: int) -> None:
    for _ in range(times):
        counted.check_attempts(address)
        counted.note_wrong(address)


def test_wrong_tokens_are_counted_by_address_and_forgiven_with_time():
    counted = Limits(clock := Clock())
    wrong(counted, "10.0.0.1", limits.ATTEMPTS)
    with pytest.raises(Overloaded) as refused:
        counted.check_attempts("10.0.0.1")
    assert refused.value.retry_after_s == limits.FORGIVEN_S / limits.ATTEMPTS
    counted.check_attempts("10.0.0.2")
    clock.now += refused.value.retry_after_s
    wrong(counted, "10.0.0.1", 1)
    with pytest.raises(Overloaded):
        counted.check_attempts("10.0.0.1")
    clock.now += limits.FORGIVEN_S
    wrong(counted, "10.0.0.1", limits.ATTEMPTS)


def test_the_addresses_of_one_network_of_ipv6_are_one():
    counted = Limits(Clock())
    for host in range(limits.ATTEMPTS):
        wrong(counted, f"2001:db8::{host:x}", 1)
    with pytest.raises(Overloaded):
        counted.check_attempts("2001:db8::ffff")
    counted.check_attempts("2001:db8:0:1::1")
    counted.check_attempts("::ffff:10.0.0.1")


def test_only_so_many_addresses_are_remembered(monkeypatch):
    monkeypatch.setattr(limits, "MAX_ADDRESSES", 3)
    counted = Limits(Clock())
    for host in range(9):
        wrong(counted, f"10.0.0.{host}", limits.ATTEMPTS)
    counted.check_attempts("10.0.0.0")
    with pytest.raises(Overloaded):
        counted.check_attempts("10.0.0.8")


def test_a_place_that_is_left_is_free_again(monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS", 2)
    counted = Limits()
    with counted.watching("10.0.0.1"):
        with counted.watching("10.0.0.2"), pytest.raises(Overloaded), counted.watching("10.0.0.3"):
            pass
        with counted.watching("10.0.0.3"):
            pass
