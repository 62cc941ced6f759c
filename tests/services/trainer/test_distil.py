import pytest

from earwitness.clients import LlmClient
from earwitness.errors import InvalidInput, Unavailable
from earwitness.fanout import Retries
from earwitness.sampling import Sampling
from services.trainer import provenance, rows
from services.trainer.backbone import OneBackbone
from services.trainer.distil import Distillation, Plan, distil
from services.trainer.instructions import pool
from services.trainer.tasks import conversation, plan, seeded
from tests.services.trainer.conftest import heard, sample

SAMPLES = [sample(number, transcript="" if number % 2 else "Hello there.") for number in range(12)]
QUICK = Retries(attempts=2, first_wait_s=0.001)


@pytest.fixture
async def backbone(teacher):
    opened = OneBackbone(chat=LlmClient.at(teacher[1], num_channels=1), retries=QUICK)
    yield opened
    await opened.close()


@pytest.fixture
def execute(backbone, tmp_path):
    """Distils into one file, and returns the distillation with the progress that it told of."""

    async def run(samples=SAMPLES, *, per_sample=2, sampling=None, asked=backbone, name="targets"):
        told: list[tuple[int, int]] = []
        distillation = Distillation(
            backbone=asked,
            path=tmp_path / name / "train.jsonl",
            dataset="noises",
            sampling=sampling or Sampling(max_tokens=16),
            on_progress=lambda done, total: told.append((done, total)),
        )
        await distillation.execute(samples, per_sample=per_sample)
        return distillation, told

    return run


def written(distillation) -> dict[str, rows.Row]:
    read = rows.read(distillation.path)
    assert len({row.id for row in read}) == len(read)
    return {row.id: row for row in read}


async def test_every_task_is_asked_once_and_becomes_a_row(execute, teacher):
    distillation, told = await execute()
    tasks = plan(SAMPLES, pool(), per_sample=2, seed=0)
    assert sorted(turns[-1].content for turns in teacher[0].asked) == sorted(
        conversation(task)[-1].content for task in tasks
    )
    assert [row.id for row in rows.read(distillation.path)] == [task.id for task in tasks]
    assert tasks[3].id == "001-1"
    assert (distillation.kept, distillation.dropped) == (24, 0)
    assert told == [(done, 24) for done in range(25)]


async def test_a_target_is_what_the_backbone_says_with_the_task_s_own_seed(execute):
    sampling = Sampling(max_tokens=16, temperature=0.7, seed=3)
    distillation, _ = await execute(sampling=sampling)
    for task in plan(SAMPLES, pool(), per_sample=2, seed=3):
        said = heard(conversation(task)[-1].content, seeded(sampling, task.id).seed)
        assert written(distillation)[task.id].response == said


@pytest.mark.parametrize("in_flight", [1, 5, 100])
async def test_the_same_rows_come_of_any_number_at_once_and_any_order_of_answers(execute, teacher, backbone, in_flight):
    sampling = Sampling(max_tokens=16, temperature=1.0)
    teacher[0].silent = ("(3)",)
    whole, _ = await execute(sampling=sampling)
    batched = LlmClient.at(teacher[1], num_channels=1, batch=32)
    other, _ = await execute(
        list(reversed(SAMPLES)), sampling=sampling, asked=OneBackbone(chat=batched, in_flight=in_flight), name="other"
    )
    await execute(sampling=sampling, name="other")
    for path, again in ((whole.path, other.path), (whole._journal.dropped_path, other._journal.dropped_path)):
        assert path.read_bytes() == again.read_bytes()
    await batched.close()


async def test_answers_that_are_no_targets_are_dropped_counted_and_kept_apart(execute, teacher):
    teacher[0].cut, teacher[0].silent = ("(3)", "(5)"), ("(7)",)
    teacher[0].says = {"(9)": "According to the description, it is a noise.", "(11)": "I cannot hear the audio."}
    distillation, told = await execute()
    assert (distillation.kept, distillation.dropped, told[-1]) == (14, 10, (24, 24))
    assert distillation.reasons == {"truncated": 4, "empty": 2, "meta-talk": 2, "refusal": 2}
    dropped = rows.read(distillation.path.with_suffix(".dropped.jsonl"), rows.Dropped)
    assert [(each.id, each.reason) for each in dropped[-2:]] == [("011-0", "refusal"), ("011-1", "refusal")]
    assert dropped[-1].response == "I cannot hear the audio."
    assert not {each.id for each in dropped} & written(distillation).keys()


async def test_a_finished_distillation_asks_nothing_and_says_the_same(execute, teacher):
    teacher[0].cut, teacher[0].silent = ("(3)",), ("(7)",)
    first, _ = await execute()
    before, asked = first.path.read_bytes(), len(teacher[0].asked)
    again, told = await execute()
    assert len(teacher[0].asked) == asked == 24
    assert (again.kept, again.dropped, again.reasons) == (20, 4, first.reasons)
    assert told == [(24, 24)]
    assert again.path.read_bytes() == before


async def test_what_was_cut_is_asked_again_under_a_higher_limit_alone(execute, teacher):
    teacher[0].cut = ("(3)",)
    await execute(sampling=Sampling(max_tokens=16))
    await execute(sampling=Sampling(max_tokens=8))
    assert len(teacher[0].asked) == 24
    raised, _ = await execute(sampling=Sampling(max_tokens=100))
    assert (len(teacher[0].asked), raised.kept, raised.dropped) == (26, 24, 0)
    again, _ = await execute(sampling=Sampling(max_tokens=16))
    assert (len(teacher[0].asked), again.kept, again.dropped) == (26, 24, 0)


async def test_what_the_file_lacks_is_asked_for_and_a_torn_line_is_mended(execute, teacher):
    await execute(SAMPLES[:4])
    distillation, _ = await execute()
    assert len(teacher[0].asked) == 24
    content = distillation.path.read_bytes()
    distillation.path.write_bytes(content[: content[:-1].rfind(b"\n") + 20])
    mended, told = await execute()
    assert (told[0], len(teacher[0].asked)) == ((23, 24), 25)
    assert mended.path.read_bytes() == content


async def test_a_manifest_that_shrank_counts_what_it_asks_for(execute):
    await execute()
    distillation, told = await execute(SAMPLES[:3])
    assert (distillation.kept, told) == (6, [(6, 6)])


async def test_a_language_model_that_is_gone_ends_it_with_its_own_error(execute):
    nobody = OneBackbone(chat=LlmClient.at("127.0.0.1:1", num_channels=1), retries=QUICK)
    with pytest.raises(Unavailable):
        await execute(asked=nobody)
    await nobody.close()


async def test_both_splits_are_written_with_what_they_were_made_with(backbone, tmp_path):
    samples = [*SAMPLES[:5], sample(20, split="held_out")]
    told: list[tuple[str, int]] = []
    asked = Plan(samples=samples, dataset="noises")

    def on_split(split, num_samples):
        told.append((split, num_samples))
        return lambda done, total: None

    done = await distil(backbone, asked, tmp_path, on_split)
    assert told == [("train", 5), ("held_out", 1)]
    assert {split: each.kept for split, each in done.items()} == {"train": 5, "held_out": 1}
    made_with = provenance.read(tmp_path)
    assert made_with.backbone == await backbone.identity()
    assert (made_with.sampling, made_with.pool) == (asked.sampling, pool())
    with pytest.raises(InvalidInput, match="temperature"):
        await distil(backbone, Plan(samples=samples, dataset="", sampling=Sampling(temperature=1)), tmp_path, on_split)
