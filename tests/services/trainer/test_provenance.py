from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput
from earwitness.identity import Identity
from earwitness.sampling import Sampling
from services.trainer import provenance
from services.trainer.instructions import pool
from services.trainer.provenance import Provenance

MODEL = Identity(model="m", fingerprint="f" * 64, engine="echo 1", dtype="", context_tokens=0, weights="w" * 64)
MADE = Provenance(backbone=MODEL, sampling=Sampling(max_tokens=16), pool=pool())


def test_what_is_written_reads_back(tmp_path):
    assert provenance.read(tmp_path) is None
    assert provenance.begin(tmp_path / "new", MADE) == MADE == provenance.read(tmp_path / "new")
    written = (tmp_path / "new" / provenance.FILE).read_bytes()
    assert provenance.begin(tmp_path / "new", MADE) == MADE
    assert (tmp_path / "new" / provenance.FILE).read_bytes() == written


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("backbone", replace(MADE, backbone=replace(MODEL, fingerprint="e" * 64))),
        ("temperature", replace(MADE, sampling=Sampling(temperature=0.5))),
        ("top_p", replace(MADE, sampling=Sampling(top_p=0.5))),
        ("seed", replace(MADE, sampling=Sampling(seed=1))),
        ("pool", replace(MADE, pool=replace(pool(), version=7))),
        ("filters", replace(MADE, filters=99)),
    ],
)
def test_a_folder_takes_what_it_was_begun_with_alone(tmp_path, field, other):
    provenance.begin(tmp_path, MADE)
    with pytest.raises(InvalidInput, match="were made with") as caught:
        provenance.begin(tmp_path, other)
    assert caught.value.field == field and caught.value.remedy
    assert provenance.read(tmp_path) == MADE


def test_a_higher_limit_stays(tmp_path):
    provenance.begin(tmp_path, MADE)
    higher = replace(MADE, sampling=Sampling(max_tokens=32))
    assert provenance.begin(tmp_path, higher) == higher
    assert provenance.begin(tmp_path, MADE) == higher == provenance.read(tmp_path)


def test_targets_of_unknown_origin_are_not_added_to(tmp_path):
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(InvalidInput, match="nothing says what they were made with"):
        provenance.begin(tmp_path, MADE)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / provenance.FILE).write_text("{")
    with pytest.raises(InvalidInput, match=r"distil\.json"):
        provenance.read(tmp_path)
