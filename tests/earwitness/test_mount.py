import pytest

from earwitness import mount
from earwitness.mount import mounted
from earwitness.server import load
from earwitness.servicer import REFLECTION_REGISTRAR, REGISTRARS
from services.captioner.servicer import CaptionerServicer
from services.lalm.servicer import LalmServicer
from services.llm.servicer import LlmServicer

ALL = [name for each in (CaptionerServicer, LlmServicer, LalmServicer) for name in each.registrars]


@pytest.mark.parametrize("registrar", [*ALL, *REGISTRARS, REFLECTION_REGISTRAR])
def test_every_registrar_has_its_mount_which_ray_finds_by_name(registrar):
    path = mounted(registrar)
    assert path.startswith("earwitness.mount.")
    assert callable(load(path))


def test_the_names_are_those_that_operators_write():
    assert [mounted(name) for name in ALL] == [
        "earwitness.mount.captioner",
        "earwitness.mount.llm",
        "earwitness.mount.lalm",
    ]
    assert callable(mount.evaluator)
