from datetime import date

from tools.bench import machine


def test_a_machine_says_what_figures_depend_on() -> None:
    here = machine.Machine.here()
    assert here.cores >= 1
    assert here.memory_gib > 0.5
    assert all(f"| {row} | " in here.markdown() for row in ("CPU", "memory", "kernel", "Python", "load before"))


def test_versions_are_those_installed() -> None:
    assert set(machine.versions("grpcio", "aiohttp")) == {"grpcio", "aiohttp"}
    assert date.fromisoformat(machine.today())
