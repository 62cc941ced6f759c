import re
from pathlib import Path
from typing import get_args

import pytest

from earwitness.conversation import Role

PROTO = Path(__file__).parents[2] / "proto" / "earwitness" / "v1"


@pytest.mark.parametrize("file", ["llm.proto", "lalm.proto"])
def test_the_roles_are_those_that_the_wire_states(file):
    (stated,) = re.findall(r"// (.*)\.\n  string role", (PROTO / file).read_text())
    assert re.findall(r'"(\w+)"', stated) == list(get_args(Role))
