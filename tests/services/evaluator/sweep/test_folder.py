from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput
from services.evaluator import result
from services.evaluator.sweep.axes import Decoding
from services.evaluator.sweep.folder import CELLS, Folder
from tests.services.evaluator.sweep.sample import BENCHMARKS, HEARING, Swift, lattice


@pytest.fixture
async def finished():
    """The first cell, run."""
    cell = lattice().cells[0]
    async with Swift().open(cell.backbone, None) as session:
        return cell, *await session.run(BENCHMARKS["words"], "text", cell.plan(lattice().sweep), lambda progress: None)


def test_each_result_is_in_the_folder_as_soon_as_it_is_kept(tmp_path, finished):
    Folder(path=tmp_path / "out", lattice=lattice()).keep(*finished)
    kept = result.load(tmp_path / "out")
    assert (kept.name, kept.results, kept.usage) == ("small", (finished[1],), (finished[2],))
    assert kept.lineage == {"sweep": "small", "family of hearing-served": "one"}


def test_a_result_takes_the_place_of_an_older_one_of_the_same_and_of_no_other(tmp_path, finished):
    folder = Folder(path=tmp_path, lattice=lattice())
    cell, found, usage = finished
    folder.keep(cell, found, usage)
    folder.keep(cell, replace(found, outcomes="ffff"), usage)
    folder.keep(cell, replace(found, sample=1), usage)
    assert [each.outcomes for each in result.load(tmp_path).results] == ["ffff", "cccc"]


def test_a_later_start_knows_what_was_answered_and_how_fast(tmp_path, finished):
    cell, found, usage = finished
    assert Folder(path=tmp_path, lattice=lattice()).known() == {}
    Folder(path=tmp_path, lattice=lattice()).keep(cell, replace(found, outcomes="ccfw"), usage)
    later = Folder(path=tmp_path, lattice=lattice())
    assert later.known() == {cell: 3}
    assert later.rates() == {("hearing", "text"): 2.0}


def test_another_price_changes_no_answer_and_another_address_or_length_may(tmp_path, finished):
    Folder(path=tmp_path, lattice=lattice()).keep(*finished)
    cheaper = lattice(backbones=(replace(HEARING, price="", family="x", items_per_s=9.0),))
    assert list(Folder(path=tmp_path, lattice=cheaper).known().values()) == [4]
    moved = lattice(backbones=(replace(HEARING, llm="h:9"),))
    assert Folder(path=tmp_path, lattice=moved).known() == {}
    longer = lattice(sampling=Decoding(max_tokens=64))
    assert Folder(path=tmp_path, lattice=longer).known() == {}


def test_a_broken_note_says_that_it_can_go(tmp_path, finished):
    Folder(path=tmp_path, lattice=lattice()).keep(*finished)
    (tmp_path / CELLS).write_text("{")
    with pytest.raises(InvalidInput, match="delete it"):
        Folder(path=tmp_path, lattice=lattice()).known()
