from dataclasses import replace

import pytest

from earwitness.clients import LlmClient
from earwitness.errors import InvalidInput, Unavailable
from earwitness.fanout import Retries
from earwitness.sampling import Sampling
from services.trainer import rows
from services.trainer.distil import Distillation, described, plan
from services.trainer.instructions import pool
from tests.services.trainer.conftest import sample

SAMPLES = [sample(number, transcript="" if number % 2 else "Hello there.") for number in range(12)]
QUICK = Retries(attempts=2, first_wait_s=0.001)


@pytest.fixture
async def distil(teacher, tmp_path):
    """Distils into one file, and returns the distillation with the progress that it told of."""
    client = LlmClient.at(teacher[1], num_channels=1)

    async def execute(samples=SAMPLES, *, per_sample=2, seed=0, max_tokens=16, client=client):
        told: list[tuple[int, int]] = []
        distillation = Distillation(
            client=client,
            path=tmp_path / "targets" / "train.jsonl",
            dataset="noises",
            sampling=Sampling(max_tokens=max_tokens),
            retries=QUICK,
            on_progress=lambda done, total: told.append((done, total)),
        )
        await distillation.execute(samples, per_sample=per_sample, seed=seed)
        return distillation, told

    yield execute
    await client.close()


def written(distillation) -> dict[str, rows.Row]:
    read = rows.read(distillation.path)
    assert len({row.id for row in read}) == len(read)
    return {row.id: row for row in read}


async def test_every_task_is_asked_once_and_becomes_a_row(distil, teacher):
    distillation, told = await distil()
    tasks = plan(SAMPLES, per_sample=2, seed=0)
    assert sorted(turns[-1].content for turns in teacher[0].asked) == sorted(described(task) for task in tasks)
    assert (
        written(distillation).keys()
        == {task.id for task in tasks}
        == {f"{n:03d}-{i}" for n in range(12) for i in (0, 1)}
    )
    assert (distillation.kept, distillation.dropped) == (24, 0)
    assert told == [(done, 24) for done in range(25)]


async def test_the_language_model_reads_the_description_where_the_audio_model_hears_the_clip(distil, teacher):
    distillation, _ = await distil([sample(0)], per_sample=1)
    (row,) = written(distillation).values()
    ((system, user),) = teacher[0].asked
    told, heard = row.messages
    assert (system.role, system.content) == (told.role, told.content) == ("system", rows.SYSTEM)
    assert user.content == f"<start_audio>[00:00-00:01] (0)<end_audio>\n\n{row.prompt}"
    assert heard.content == f"<|AUDIO|>\n\n{row.prompt}"
    assert row.prompt in pool().draw("000", 1, 0)
    assert (row.dataset, row.seed_description) == ("noises", "[00:00-00:01] (0)")
    assert row.response == " ".join(user.content.split()[-16:])


async def test_a_message_has_as_many_marks_as_clips_and_a_transcript_for_each(distil):
    distillation, _ = await distil()
    for row in written(distillation).values():
        assert [message.content.count("<|AUDIO|>") for message in row.messages] == [0, 1]
        assert [len(message.audios) for message in row.messages] == [0, 1]
        number = int(row.id[:3])
        assert row.messages[1].audios[0].audio == f"{number}.wav"
        assert row.messages[1].audios[0].text == (" " if number % 2 else "Hello there.")


async def test_cut_and_empty_answers_are_dropped_and_counted(distil, teacher):
    teacher[0].cut, teacher[0].silent = ("(3)", "(5)"), ("(7)",)
    distillation, told = await distil()
    assert (distillation.kept, distillation.dropped) == (18, 6)
    assert not {f"{n:03d}-{i}" for n in (3, 5, 7) for i in (0, 1)} & written(distillation).keys()
    assert told[-1] == (24, 24)


async def test_a_finished_distillation_asks_nothing_and_says_the_same(distil, teacher):
    teacher[0].cut, teacher[0].silent = ("(3)",), ("(7)",)
    first, _ = await distil()
    before, asked = first.path.read_bytes(), len(teacher[0].asked)
    again, told = await distil()
    assert len(teacher[0].asked) == asked == 24
    assert (again.kept, again.dropped) == (first.kept, first.dropped) == (20, 4)
    assert told == [(24, 24)]
    assert again.path.read_bytes() == before


async def test_what_was_dropped_is_asked_again_under_a_higher_limit_alone(distil, teacher):
    teacher[0].cut = ("(3)",)
    await distil(max_tokens=16)
    await distil(max_tokens=8)
    assert len(teacher[0].asked) == 24
    raised, _ = await distil(max_tokens=100)
    assert (len(teacher[0].asked), raised.kept, raised.dropped) == (26, 24, 0)
    again, _ = await distil(max_tokens=16)
    assert (len(teacher[0].asked), again.kept, again.dropped) == (26, 24, 0)


async def test_what_the_file_lacks_is_asked_for_and_a_torn_line_is_mended(distil, teacher):
    await distil(SAMPLES[:4])
    distillation, _ = await distil(SAMPLES)
    assert len(teacher[0].asked) == 24
    whole = written(distillation)
    content = distillation.path.read_bytes()
    torn = content[: content[:-1].rfind(b"\n") + 20]
    distillation.path.write_bytes(torn)
    mended, told = await distil(SAMPLES)
    assert (told[0], len(teacher[0].asked)) == ((23, 24), 25)
    assert written(mended) == whole


async def test_a_manifest_that_shrank_counts_what_it_asks_for(distil):
    await distil(SAMPLES)
    distillation, told = await distil(SAMPLES[:3])
    assert (distillation.kept, told) == (6, [(6, 6)])


async def test_rows_about_another_corpus_are_not_taken_for_this_one(distil, teacher):
    await distil()
    other = [replace(SAMPLES[0], description="[00:00-00:01] (another)"), *SAMPLES[1:]]
    with pytest.raises(InvalidInput, match="another clip") as caught:
        await distil(other)
    assert caught.value.field.endswith("train.jsonl")
    assert len(teacher[0].asked) == 24


async def test_nothing_to_ask_leaves_an_empty_file(distil):
    distillation, told = await distil([])
    assert rows.read(distillation.path) == ()
    assert told == [(0, 0)]


async def test_a_language_model_that_is_gone_ends_it_with_its_own_error(distil, tmp_path):
    nobody = LlmClient.at("127.0.0.1:1", num_channels=1)
    with pytest.raises(Unavailable):
        await distil(client=nobody)
    await nobody.close()


def test_a_plan_is_repeatable_and_asks_samples_and_seeds_differently():
    tasks = plan(SAMPLES, per_sample=2, seed=0)
    assert plan(SAMPLES, per_sample=2, seed=0) == tasks
    assert plan(list(reversed(SAMPLES)), per_sample=2, seed=0)[-1] == tasks[1]
    assert len({task.instruction for task in tasks}) > 4
    assert [task.instruction for task in plan(SAMPLES, per_sample=2, seed=1)] != [task.instruction for task in tasks]


async def test_the_finished_file_is_in_the_order_of_the_plan_whatever_came_first(distil):
    distillation, _ = await distil()
    planned = [task.id for task in plan(SAMPLES, per_sample=2, seed=0)]
    rows.replace(distillation.path, reversed(rows.read(distillation.path)))
    await distil()
    assert [row.id for row in rows.read(distillation.path)] == planned
