import pytest
import torch

from earwitness.desta.layout import IGNORED
from earwitness.desta.model import Batch
from earwitness.desta.splice import Message, Spliced
from earwitness.desta.tree import grow, lay_out
from earwitness.errors import InvalidInput
from tests.earwitness.desta.conftest import noise

ASKED = [
    ("What do you hear?", "A dog.", 0),
    ("What barks at the door?", "A dog barks, hello there.", 1),
    ("What is there?", "The door.", 0),
    ("What do you hear?", "No dog.", 1),
    ("Hello?", "A dog barks at the door, hello there.", 0),
]


def prompts():
    """Two rows about one clip, whose words differ from the fifth id on, and one about another."""
    head = (1, 0, 0, 7)
    rows = [Spliced(ids=(*head, 5, 6), slots=(1,)), Spliced(ids=(*head, 8), slots=(1,)), Spliced(ids=(1, 2), slots=())]
    return rows, [(11, 12), (13,), (14,)]


def test_rows_about_one_clip_are_one_tree_and_others_are_not():
    rows, targets = prompts()
    first, last = grow(rows, targets, [(0,), (0,), ()], 2)
    assert first.trunk.ids == (1, 0, 0, 7)
    assert first.branches == (((5, 6), (11, 12)), ((8,), (13,)))
    assert (last.trunk.ids, last.branches) == ((1, 2), (((), (14,)),))
    assert len(grow(rows, targets, [(0,), (1,), ()], 2)) == 3
    assert len(grow(rows, targets, [(0,), (0,), ()], 2, apart=True)) == 3


def test_a_branch_is_never_without_a_word_of_its_prompt():
    same = [Spliced(ids=(1, 0, 0, 7), slots=(1,))] * 2
    (tree,) = grow(same, [(5,), (6,)], [(0,), (0,)], 2)
    assert tree.trunk.ids == (1, 0, 0)
    assert tree.branches == (((7,), (5,)), ((7,), (6,)))


def test_a_branch_sees_the_trunk_and_itself():
    rows, targets = prompts()
    forest = lay_out(grow(rows, targets, [(0,), (0,), ()], 2))
    assert forest.layout.ids[0].tolist() == [1, 0, 0, 7, 5, 6, 11, 12, 8, 13]
    assert forest.positions[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 4, 5]
    assert [label for label in forest.layout.labels[0].tolist() if label != IGNORED] == [11, 12, 13]
    sees = forest.mask(3, torch.float32, torch.device("cpu"))[0, 0] == 0
    assert sees.shape == (10, 13)
    assert sees[:, :3].all()
    assert sees[9, 3:].tolist() == [True] * 4 + [False] * 4 + [True] * 2
    assert sees[6, 3:].tolist() == [True] * 7 + [False] * 3
    assert not forest.plain


@pytest.mark.parametrize("opening", ["", "Be brief. What do you hear in the audio?"], ids=["bare", "with a prefix"])
def test_rows_together_lose_and_teach_what_they_do_alone(model, splicer, opening):
    taps = model.perception.hear([noise(1), noise(2, seed=1)])
    system = [Message(role="system", content=opening)] if opening else []
    batch_rows, singles = [], []
    for text, answer, clip in ASKED:
        message = Message(role="user", content=f"<|AUDIO|>\n{text}", audios=("a",))
        prompt, target = splicer.splice([*system, message], [["hello", "there"][clip]]), splicer.target_ids(answer)
        batch_rows.append((prompt, target, clip))
        singles.append(Batch(prompts=[prompt], targets=[target], taps=taps[clip : clip + 1]))
    together = Batch(
        prompts=[row[0] for row in batch_rows],
        targets=[row[1] for row in batch_rows],
        taps=taps,
        clips=[row[2] for row in batch_rows],
    )

    def gradient(loss):
        model.zero_grad()
        loss.backward()
        return torch.cat([each.grad.flatten() for each in model.perception.connector.parameters()])

    loss, tokens = model.loss(together)
    parts = [model.loss(single) for single in singles]
    expected = sum(part * count for part, count in parts) / tokens
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    assert torch.allclose(gradient(loss), gradient(expected), atol=1e-5)


def test_a_clip_that_is_not_there_is_refused(model, splicer):
    prompt = splicer.splice([Message(role="user", content="<|AUDIO|>", audios=("a",))], ["hello"])
    taps = model.perception.hear([noise(1)])
    with pytest.raises(InvalidInput, match="audios"):
        model.loss(Batch(prompts=[prompt], targets=[(1,)], taps=taps, clips=[1]))
    with pytest.raises(InvalidInput, match="2 clips for 1 slots"):
        model.loss(Batch(prompts=[prompt], targets=[(1,)], taps=taps, clips=[0, 0]))
