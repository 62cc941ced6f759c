from dataclasses import replace

from tools.chaos.load import Tally
from tools.chaos.serving import Seen, lines, trials

CALM = Tally(calls=1000, longest_s=2.0, seconds=10.0)


def seen(name: str = "echo", faults: int = 3, **tally: object) -> Seen:
    return Seen(trial=trials(1)[name], tally=replace(CALM, **tally), faults=faults)


def test_a_trial_in_which_everything_is_answered_holds() -> None:
    assert not seen().broken
    assert "Nothing was lost" in lines([seen()])[-1]


def test_what_is_lost_hangs_or_refuses_without_a_reason_is_named() -> None:
    for broken, word in (
        (seen(lost=["Unavailable: gone"]), "gone"),
        (seen(longest_s=61.0), "61.0 s"),
        (seen(untyped=["no place"]), "no place"),
        (seen(faults=0), "no fault"),
        (seen("overload", faults=0), "no overload"),
    ):
        (line,) = broken.broken
        assert word in line
        assert line in lines([broken])
        assert broken.row[-1] == "NO"


def test_processes_that_outlive_their_replica_are_a_fault() -> None:
    left = seen("vllm")
    left.orphans = 2
    assert "2 processes" in left.broken[0]


def test_the_scale_shortens_every_trial() -> None:
    whole, tenth = trials(1), trials(0.1)
    assert all(tenth[name].seconds * 10 == trial.seconds for name, trial in whole.items())
