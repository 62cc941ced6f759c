import re
from pathlib import Path

from earwitness.sampling import Sampling

PROTO = Path(__file__).parents[2] / "proto" / "earwitness" / "v1" / "model.proto"


def test_the_default_length_is_the_one_that_the_wire_states():
    (stated,) = re.findall(r"0 means the server's default, (\d+)\.", PROTO.read_text())
    assert Sampling().max_tokens == int(stated)


def test_greedy_unless_told_otherwise():
    assert Sampling().temperature == 0
    assert Sampling().top_p == 1
