import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from markupsafe import Markup

from earwitness import audio
from earwitness.errors import EarwitnessError
from services.evaluator import result as results_of
from services.evaluator.akb.question import Question
from services.evaluator.akb.store import Annotations, Standing
from services.evaluator.report import beside
from services.evaluator.web import picture
from services.evaluator.web.config import WebConfig
from services.evaluator.web.linked import linked
from services.evaluator.web.pages import training
from services.evaluator.web.pages.leaderboard import interval_of
from services.evaluator.web.prompt import sent
from services.evaluator.web.shelf import Shelf, key_of
from tests import sounds
from tests.services.evaluator.web.conftest import visiting
from tests.services.evaluator.web.shelves import always, items, shelve


async def test_the_papers_tables_stand_there_with_own_runs_ranked_among_them(tmp_path):
    folder = tmp_path / "results"
    shelve(folder, {"Mine-7B": always("A")}, items(40), name="akb")
    async with visiting(WebConfig(results=(folder,))) as visitor:
        text = await visitor.get("/")
    assert all(number in text for number in ("Table 1", "Table 2", "Gemini-2.5-Pro", "96.37"))
    row = re.search(r'<tr class="yours">.*?</tr>', text, re.DOTALL)[0]
    assert "Mine-7B" in row
    assert "50.00" in row
    assert "[35, 65]" in row


async def test_the_tables_stand_there_without_any_run(tmp_path):
    async with visiting(WebConfig(results=(tmp_path,))) as visitor:
        assert "No runs yet" in await visitor.get("/")
        assert "There are no results" in await visitor.get("/items")


def test_a_printed_number_has_the_interval_of_its_items():
    sheet = beside.sheets(None)[0]
    sure = interval_of(sheet.lines[0].shares[-1], sheet.heads[-1])
    assert 0.951 < sure.low < 0.9605 < sure.high < 0.969


async def test_two_backbones_are_compared_by_the_paired_test(results, mine):
    async with visiting(WebConfig(results=(results,))) as visitor:
        text = await visitor.get("/compare?one=Alpha&other=Beta")
        assert "Alpha knows is better" in text
        assert "By category" in text
        runs = {run.backbone: key_of(run.result) for run in Shelf([results]).known().runs}
        assert f"right={runs['Alpha']}&amp;missed={runs['Beta']}" in text
        even = await visitor.get("/compare?one=Beta&other=Gamma")
        assert "Not told apart" in even
        assert "30&nbsp;:&nbsp;30" in even
        printed = await visitor.get("/compare?one=GPT-5&other=Phi-4-14B")
        assert "there is no paired test of its rows" in printed
        await visitor.get("/compare?one=Alpha&other=Alpha", status=400)
        await visitor.get("/compare?one=Alpha&other=Nobody", status=404)
        assert "Nothing in common" in await visitor.get("/compare?one=Alpha&other=GPT-5")


async def test_two_single_runs_are_chosen_by_a_form_and_compared(results):
    shelve(
        results.parent / "others", {"Delta": always("C"), "Eps": always("D")}, items(4), name="other", sha256="cd" * 32
    )
    async with visiting(WebConfig(results=(results, results.parent / "others"))) as visitor:
        text = await visitor.get("/compare")
        assert re.findall(r'aria-label="Two runs of (\w+)"', text) == ["mine", "other"]
        keys = dict(re.findall(r'<option value="([^"]+-text-[0-9a-f]+)"[^>]*>(\w+) knows', text))
        first, second, *_, other = keys
        assert [keys[first], keys[second], keys[other]] == ["Alpha", "Beta", "Eps"]
        met = await visitor.get(f"/compare?first={first}&second={second}")
        assert "McNemar’s exact p" in met
        assert f'<option value="{second}" selected>Beta knows' in met
        assert "asked different items" in await visitor.get(f"/compare?first={first}&second={other}", status=400)
        assert "both are the same" in await visitor.get(f"/compare?first={first}&second={first}", status=400)
        assert "no such run" in await visitor.get("/compare?first=nobody", status=404)
        assert 'href="/compare"' in await visitor.get("/")


async def test_an_answer_has_its_outcome_under_each_extractor(results, mine):
    def outcomes(text: str) -> list[tuple[str, str]]:
        first = re.search(r'<dl class="votes".*?</dl>', text, re.DOTALL)[0]
        plain = re.sub(r"<[^>]+>", " ", first.replace("</div>", "\n"))
        return [tuple(line.split()) for line in plain.split("\n") if line.split()[1:]]

    async with visiting(WebConfig(results=(results,))) as visitor:
        two_readings = outcomes(await visitor.get(f"/items/{mine}/item?id=q/6"))
        assert ("letter", "decided", "✗", "wrong", "B") in two_readings or ("letter", "✗", "wrong", "B") in two_readings
        assert [each[-2:] for each in two_readings if each[0] in ("text", "mention")] == [("correct", "A")] * 2
        unread = outcomes(await visitor.get(f"/items/{mine}/item?id=q/1"))
        assert [each[-1] for each in unread] == ["unparsed"] * 4 + ["correct"]
        cut = outcomes(await visitor.get(f"/items/{mine}/item?id=q/2"))
        assert {each[-1] for each in cut[:4]} == {"truncated"}


async def test_a_point_leads_to_its_backbone(results):
    async with visiting(WebConfig(results=(results,))) as visitor:
        text = await visitor.get("/relation?x=MMAU_T&y=MMAU_A")
        assert text.count('class="spot-link"') == 8
        target = re.search(r'href="(/backbone\?name=[^"]+)" class="spot-link"', text)[1]
        assert "In the paper" in await visitor.get(target.replace("&amp;", "&"))
        by_category = await visitor.get("/relation?x=AKB%2FMusic&y=MMAU_T%2FMusic")
        assert "Over 17 backbones" in by_category
        own = await visitor.get("/relation?x=mine+text%2Fsound&y=mine+text%2Fmusic")
        assert "needs 4 backbones" in own
        assert "name=Alpha" in own
        await visitor.get("/relation?x=nothing", status=404)


def test_links_escape_what_they_are_given():
    drawing = Markup('<svg><g><title>&lt;b&gt;: 1.0, 2.0</title><circle r="4"/></g><g><title>x</title></g></svg>')
    text = linked(drawing, {"<b>": '/a?b="c"&d'})
    assert text.count("<a ") == 1
    assert 'href="/a?b=&quot;c&quot;&amp;d"' in text
    assert "<b>" not in text


def test_a_tone_is_drawn_where_it_sounds():
    import struct
    import zlib

    clip = audio.from_samples(sounds.tone(1000, 1.0))
    data = picture.spectrogram(clip)
    width, height = struct.unpack(">II", data[16:24])
    start = data.index(b"IDAT")
    size = struct.unpack(">I", data[start - 4 : start])[0]
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + size]), np.uint8).reshape(height, width + 1)
    loudest = height - 1 - int(rows[:, 1:].mean(axis=1).argmax())
    assert abs(loudest / height - picture.mel(1000) / picture.mel(8000)) < 0.02
    assert picture.waveform(clip).startswith("M0.0 ")


def test_a_clip_of_one_sample_and_silence_are_drawn():
    for samples in (np.zeros(1), np.zeros(16_000)):
        clip = audio.from_samples(samples)
        assert picture.spectrogram(clip).startswith(b"\x89PNG")
        assert picture.waveform(clip).endswith("Z")


def test_a_prompt_is_put_together_as_it_was_sent(results):
    known = Shelf([results]).known()
    run = known.runs[0].result
    item = next(iter(results_of.items(results, run)))
    words = sent(run, item)
    assert words.user == "Question: What sounds like number 0?\n(A) bark\n(B) meow\n(C) moo\n(D) ring"
    assert "unknown@9" in sent(replace(run, prompt="unknown@9"), item).fault


def train(folder: Path, steps: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    points = [{"step": 0, "loss": None, "held_out": 4.0}]
    points += [{"step": step, "loss": 4.0 / step, "read_tokens": 100, "seconds": 0.5} for step in range(1, steps + 1)]
    (folder / "curve.jsonl").write_bytes(b"".join(msgspec.json.encode(point) + b"\n" for point in points))
    place = folder / "checkpoints" / "step-00000003"
    place.mkdir(parents=True, exist_ok=True)
    (place / "state.json").write_text('{"step": 3, "held_out": 1.25, "next": {}}')
    made = shelve(folder / "evaluations", {"Mine": always("A")}, items(8), name="mini-mmau", setting="audio")
    known = replace(made[0], checkpoint="step-00000003 (echo 1, 0123456789ab)")
    results_of.save(results_of.Experiment(name="x", results=(known,)), folder / "evaluations")
    return folder


async def test_a_training_shows_its_curves_and_checkpoints_with_scores(tmp_path):
    folder = train(tmp_path / "run", 5)
    with (folder / "curve.jsonl").open("ab") as file:
        file.write(b'{"step": 6, "lo')  # the line that is being written
    async with visiting(WebConfig(results=(), train=(folder, tmp_path / "none"))) as visitor:
        text = await visitor.get("/training")
    assert "training from 4.00 to 0.80" in text
    assert "tokens/s from 200.00 to 200.00" in text
    assert re.search(r"step-00000003</th>.*?1\.250</td><td>.*?<b>50\.0</b>", text, re.DOTALL)
    assert "There is no curve.jsonl" in text


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path):
    read = training.read(train(tmp_path / "run", 5000))
    assert len(read.points) == 5001
    assert str(read.loss).count(",") < 3000


def question(number: int) -> Question:
    return Question(
        id=f"k{number}",
        question=f"Which is number {number}?",
        choices=("one", "two", "three", "four"),
        answer="two",
        category="Sound",
        subcategory="Bells",
    )


async def test_annotators_judge_blind_to_the_key_and_to_each_other(tmp_path):
    store = tmp_path / "verdicts.sqlite"
    with_questions = Annotations.at(store)
    with_questions.add([question(1)])
    key = next(iter(with_questions.questions()))
    config = WebConfig(results=(), annotations=str(store))
    async with visiting(config) as ann, visiting(config) as ben, visiting(config) as cid:
        for visitor, name in ((ann, "ann"), (ben, "ben"), (cid, "cid")):
            await visitor.get("/verify")
            await visitor.post("/verify/annotator", annotator=name, blind="on")
        shown = await ann.get("/verify")
        assert "gold" not in shown
        assert 'value="B" checked' not in shown
        await ann.post("/verify/judge", status=400, question=key, round="first", verdict="accept")
        await ann.post("/verify/judge", question=key, round="first", verdict="accept", choice="B")
        assert "ann " not in await ben.get("/verify")
        await ben.post("/verify/judge", question=key, round="first", verdict="reject", choice="A", note="<i>both</i>")
        assert with_questions.decisions()[key].standing is Standing.DISPUTED
        assert "1 dispute is yours" in await ann.get("/verify/adjudicate")
        said = await cid.get("/verify/adjudicate")
        assert "&lt;i&gt;both&lt;/i&gt;" in said
        form = {"text": "Which is it?", "choice0": "one", "choice1": "2", "choice2": "three", "choice3": "four"}
        await cid.post("/verify/judge", question=key, round="adjudication", verdict="edit", right="B", **form)
        decided = with_questions.decisions()[key]
        assert decided.standing is Standing.ACCEPTED
        assert (decided.question.question, decided.question.answer) == ("Which is it?", "2")
        status = await cid.get("/verify/status")
        assert "1 of 1" in status
        assert "ann and ben" in status
    with_questions.close()


async def test_a_question_may_be_put_off_and_an_empty_edit_is_refused(tmp_path):
    store = tmp_path / "verdicts.sqlite"
    opened = Annotations.at(store)
    opened.add([question(1), question(2)])
    async with visiting(WebConfig(results=(), annotations=str(store))) as ann:
        await ann.get("/verify")
        await ann.post("/verify/annotator", annotator="ann")
        for _ in range(2):
            text = await ann.get("/verify")
            key = re.search(r'name="question" value="([0-9a-f]+)"', text)[1]
            await ann.post("/verify/judge", status=400, question=key, round="first", verdict="edit", right="B")
            await ann.post("/verify/judge", question=key, round="first", verdict="pass")
        assert "Nothing is left for you" in await ann.get("/verify")
        await ann.post("/verify/leave")
        await ann.post("/verify/annotator", status=400, annotator=" ")
    opened.close()


def test_settings_that_cannot_be_are_refused():
    for wrong in ({"needed": 0}, {"gpus": -1.0}):
        try:
            WebConfig(**wrong)
        except EarwitnessError as error:
            assert error.field in wrong
        else:
            raise AssertionError(wrong)
