from pathlib import Path

import soundfile

from services.evaluator import benchmarks, prompts
from tools.bench import workload
from tools.bench.mock import ANSWER


def test_earwitness_reads_the_questions_and_words_them_as_the_others_are_given_them(tmp_path: Path) -> None:
    work = workload.write_text(tmp_path, 9)
    items = benchmarks.load(work.benchmark, work.path).items
    assert len({item.question for item in items}) == len(items) == 9
    for item in items:
        system, user = prompts.template(prompts.DEFAULT).render(item, "text")
        assert system.content == workload.SYSTEM
        assert user.content == workload.prompt(item.question, list(item.choices))


def test_the_mock_s_answer_is_right_for_the_share_that_is_said(tmp_path: Path) -> None:
    for num_items in (9, 12):
        work = workload.write_text(tmp_path, num_items)
        right = [f"(B) {item.answer}" == ANSWER for item in benchmarks.load("akb", work.path).items]
        assert sum(right) / num_items == workload.right_share(num_items)
        assert all(item.choices[1] == workload.MOCK_CHOICE for item in benchmarks.load("akb", work.path).items)


def test_every_clip_is_another_and_lasts_ten_seconds(tmp_path: Path) -> None:
    work = workload.write_audio(tmp_path, 3)
    clips = [item.audio for item in benchmarks.load(work.benchmark, work.path).items]
    assert len({clip.read_bytes() for clip in clips if clip}) == 3
    assert {(soundfile.info(clip).duration, soundfile.info(clip).samplerate) for clip in clips} == {(10.0, 16_000)}
