from dataclasses import replace

from earwitness.sampling import Generation, Sampling
from services.trainer import rows
from services.trainer.instructions import pool
from services.trainer.tasks import conversation, plan, seeded, settled
from tests.services.trainer.conftest import sample

SAMPLES = [sample(number, transcript="" if number % 2 else "Hello there.") for number in range(12)]


def planned(samples=SAMPLES, *, per_sample=2, seed=0):
    return plan(samples, pool(), per_sample=per_sample, seed=seed)


def answered(text: str, **changed) -> Generation:
    return Generation(**{"text": text, "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1} | changed)


def test_a_plan_is_repeatable_and_asks_samples_and_seeds_differently():
    tasks = planned()
    assert planned() == tasks
    assert planned(list(reversed(SAMPLES)))[-1] == tasks[1]
    assert len({task.asked.text for task in tasks}) > 4
    assert [task.asked for task in planned(seed=1)] != [task.asked for task in tasks]
    assert planned(per_sample=1) == tasks[::2]


def test_speech_is_asked_for_where_somebody_speaks_alone():
    silent = planned([sample(number) for number in range(40)], per_sample=9)
    spoken = planned([sample(number, transcript="Hello there.") for number in range(40)], per_sample=9)
    about = {"Transcribe the speech.", "Repeat what is said, word for word."}
    assert not about & {task.asked.text for task in silent}
    assert about <= {task.asked.text for task in spoken}


def test_the_language_model_reads_the_description_where_the_audio_model_hears_the_clip():
    (task,) = planned([sample(0)], per_sample=1)
    system, user = conversation(task)
    row = settled(task, answered(" A noise.\n"), "noises", 16)
    told, heard = row.messages
    assert (system.role, system.content) == (told.role, told.content) == ("system", rows.SYSTEM)
    assert user.content == f"<start_audio>[00:00-00:01] (0)<end_audio>\n\n{row.prompt}"
    assert heard.content == f"<|AUDIO|>\n\n{row.prompt}"
    assert heard.audios == (rows.RowAudio(audio="0.wav", text=" "),)
    assert (row.dataset, row.seed_description, row.response) == ("noises", "[00:00-00:01] (0)", "A noise.")
    assert settled(task, answered("A noise."), "noises", 16) == row


def test_a_sample_s_own_data_set_comes_before_the_corpus():
    (task,) = planned([replace(sample(0, transcript="Hi."), dataset="VCTK")], per_sample=1)
    row = settled(task, answered("A noise."), "noises", 16)
    assert (row.dataset, row.messages[1].audios[0].text) == ("VCTK", "Hi.")


def test_a_dropped_answer_says_why_and_what():
    (task,) = planned([sample(0)], per_sample=1)
    dropped = settled(task, answered("A noise", finish_reason="length"), "noises", 16)
    assert (dropped.reason, dropped.max_tokens, dropped.response) == ("truncated", 16, "A noise")
    assert (dropped.id, dropped.prompt, dropped.seed_description) == (task.id, task.asked.text, "[00:00-00:01] (0)")


def test_every_task_draws_with_a_seed_of_its_own():
    seeds = {seeded(Sampling(seed=seed), task.id).seed for seed in (0, 1) for task in planned()}
    assert len(seeds) == 48 and max(seeds) < 1 << 48
    assert seeded(Sampling(temperature=0.7), "a").temperature == 0.7
