"""The pages in Chromium: the main paths, by mouse and by keyboard, and with hostile answers."""

import asyncio

import pytest

from services.evaluator.akb.store import Annotations
from services.evaluator.clips import ClipStore
from services.evaluator.web.config import WebConfig
from services.evaluator.web.shelf import set_of
from tests import sounds
from tests.services.evaluator.conftest import Backbone
from tests.services.evaluator.conftest import house as house
from tests.services.evaluator.evaluating import config, questions
from tests.services.evaluator.web.browsing import everything as everything
from tests.services.evaluator.web.browsing import page as page
from tests.services.evaluator.web.browsing import served, until
from tests.services.evaluator.web.conftest import TOKEN
from tests.services.evaluator.web.shelves import always, items, shelve
from tests.services.evaluator.web.test_sweep import Picky

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
STRAY_S = 0.3
"""For what a hostile answer might do."""


async def test_tables_are_sorted_by_keyboard_and_put_back(page, results):
    async with served(WebConfig(results=(results,))) as base:
        await page.goto(base)
        rows = page.locator("#table-1 tbody tr th")
        before = await rows.all_inner_texts()
        head = page.locator("#table-1 thead th", has_text="Phonetic")
        await head.locator("button").focus()
        await page.keyboard.press("Enter")
        assert await head.get_attribute("aria-sort") == "descending"
        values = await page.locator("#table-1 tbody tr td:nth-child(4)").evaluate_all(
            "cells => cells.map(cell => Number(cell.dataset.value))"
        )
        assert values == sorted(values, reverse=True)
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        assert await head.get_attribute("aria-sort") is None
        assert await rows.all_inner_texts() == before


async def test_intervals_show_when_they_are_wished(page, results):
    async with served(WebConfig(results=(results,))) as base:
        await page.goto(base)
        interval = page.locator("#table-1 td .sure").first
        assert not await interval.is_visible()
        await page.get_by_label("Show every interval").check()
        assert await interval.is_visible()


async def test_two_backbones_are_chosen_and_their_differing_items_read(page, results):
    async with served(WebConfig(results=(results,))) as base:
        await page.goto(base)
        await page.locator("select[name=one]").select_option("Alpha")
        await page.locator("select[name=other]").select_option("Beta")
        await page.get_by_role("button", name="Compare").click()
        await page.get_by_role("link", name="that only the first got right").click()
        assert "right by Alpha" in await page.locator(".count").inner_text()


async def test_two_single_runs_are_chosen_and_compared_without_a_mouse(page, results):
    async with served(WebConfig(results=(results,))) as base:
        await page.goto(base)
        async with page.expect_navigation():
            await page.get_by_role("link", name="Two single runs").press("Enter")
        form = page.get_by_role("form", name="Two runs of mine")
        await form.get_by_label("First").focus()
        await page.keyboard.type("Beta")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Gamma")
        await page.keyboard.press("Tab")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert await page.locator("h1").inner_text() == "Beta knows against Gamma knows"
        assert "Not told apart." in await page.locator("main .prose").inner_text()
        chosen = page.get_by_role("form", name="Two runs of mine").locator("option:checked")
        assert await chosen.all_inner_texts() == ["Beta knows", "Gamma knows"]


async def test_items_are_filtered_and_walked_by_keyboard(page, results, mine):
    async with served(WebConfig(results=(results,))) as base:
        await page.goto(f"{base}/items/{mine}")
        await page.locator("select[name=outcome]").select_option("failed")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**outcome=failed")
        assert "3 of 60 items" in await page.locator(".count").inner_text()
        await page.locator("[data-item]").first.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/item?**")
        assert "number 3" in await page.locator("h1").inner_text()
        async with page.expect_navigation():
            await page.keyboard.press("j")
        assert "number 4" in await page.locator("h1").inner_text()
        await page.goto(page.url)  # a deep link
        async with page.expect_navigation():
            await page.keyboard.press("k")
        assert "number 3" in await page.locator("h1").inner_text()
        async with page.expect_navigation():
            await page.keyboard.press("u")
        assert "outcome=failed" in page.url


async def test_a_hostile_answer_is_read_and_does_nothing(page, results, mine):
    async with served(WebConfig(results=(results,))) as base:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        await page.goto(f"{base}/items/{mine}/item?id=q/0")
        await asyncio.sleep(STRAY_S)
        assert "owned" not in await page.title()
        assert await page.locator("main img, main script").count() == 0
        assert "<script>document.title='owned'</script>" in await page.locator(".answer").first.inner_text()


async def test_a_clip_is_played_and_its_line_moves(page, tmp_path):
    (tmp_path / "a.flac").write_bytes(sounds.encode(sounds.tone(440, 2.0), format="FLAC"))
    sha256 = ClipStore().find(tmp_path / "a.flac").sha256
    made = shelve(tmp_path / "r", {"Alpha": always("A")}, items(1), setting="cascade", clips=[sha256])
    async with served(WebConfig(results=(tmp_path / "r",))) as base:
        await page.goto(f"{base}/items/{set_of(made[0])}/item?id=q/0")
        await until(page, "document.querySelector('audio').duration > 1.9")
        box = await page.locator("svg.sound").bounding_box()
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
        at = await page.evaluate("document.querySelector('audio').currentTime")
        assert 0.8 < at < 1.2
        await until(page, "Number(document.querySelector('.playhead').getAttribute('x1')) > 400")


async def test_a_point_is_reached_by_keyboard_and_leads_to_its_runs(page, results):
    async with served(WebConfig(results=(results,))) as base:
        await page.goto(f"{base}/relation?x=MMAU_T&y=MMAU_A")
        await page.locator("svg a").first.focus()
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert "/backbone?name=" in page.url


async def start(page, base):
    """Starts a run of our questions, two at once, and waits until it goes on."""
    await page.goto(f"{base}/sweep")
    await page.get_by_label("akb own file").check()
    await page.get_by_label("File, in the data folder").fill("questions.jsonl")
    await page.get_by_label("At once").fill("2")
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_selector("tr[data-state=running]", timeout=20_000)


async def test_a_run_is_started_from_the_page_and_goes_on_before_ones_eyes(page, house, tmp_path):
    questions(tmp_path, 160)
    runs = config(tmp_path, llm=await house.serve(Backbone(delay_s=0.05)), at_once=1)
    async with served(WebConfig(results=(runs.out,)), runs=runs) as base:
        await start(page, base)
        await until(page, "document.querySelector('progress').value > 0.2")
        await page.wait_for_selector("tr[data-state=done]", timeout=30_000)
        assert "160 of 160" in await page.locator("tr[data-state=done]").inner_text()
        await page.goto("about:blank")  # before the stream's end


async def test_failures_appear_by_kind_before_ones_eyes(page, house, tmp_path):
    questions(tmp_path, 90)
    runs = config(tmp_path, llm=await house.serve(Picky(delay_s=0.2)), at_once=1)
    async with served(WebConfig(results=(runs.out,)), runs=runs) as base:
        await start(page, base)
        await page.evaluate("document.body.dataset.same = 'yes'")
        await until(page, "document.querySelectorAll('tr[data-state=running] .kinds li').length === 2")
        assert await page.locator("body[data-same]").count() == 1
        assert await page.locator(".sum .kinds li").count() == 2
        await page.goto("about:blank")  # before the stream's end


async def test_questions_are_judged_without_a_mouse(page, everything):
    async with served(everything) as base:
        await page.goto(f"{base}/verify")
        await page.wait_for_selector("#annotator:focus")
        await page.keyboard.type("ann")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("form[data-judge]")
        first = await page.locator("h1").inner_text()
        await page.keyboard.press("a")  # not before an answer
        assert await page.locator("h1").inner_text() == first
        await page.locator("h1").click()
        await page.keyboard.press("2")
        async with page.expect_navigation():
            await page.keyboard.press("a")
        assert await page.locator("h1").inner_text() != first
        await page.keyboard.press("2")
        await page.keyboard.press("e")
        await page.keyboard.press("Control+A")
        await page.keyboard.type("Which is it, really?")
        async with page.expect_navigation():
            await page.get_by_role("button", name="Save the edit").press("Enter")
        await page.keyboard.press("1")
        await page.keyboard.press("n")
        await page.keyboard.type("are two right?")
        await page.keyboard.press("Tab")
        async with page.expect_navigation():
            await page.keyboard.press("r")
    store = Annotations(f"sqlite:///{everything.annotations}")
    said = [each for _, _, annotations in store.everything() for each in annotations]
    store.close()
    assert sorted(each.verdict for each in said) == ["accept", "edit", "reject"]
    assert {each.verdict: each.note for each in said}["reject"] == "are two right?"
    assert all(each.seconds > 0 for each in said)


async def test_one_signs_in_and_out_by_keyboard(page, results, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    async with served(WebConfig(results=(results,), token_file=tmp_path / "token")) as base:
        await page.goto(f"{base}/relation")
        await page.wait_for_selector("#token:focus")
        await page.keyboard.type(TOKEN)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert page.url.endswith("/relation")
        assert await page.evaluate("document.cookie") == ""
        await page.get_by_role("button", name="Sign out").press("Enter")
        await page.wait_for_url("**/sign-in")
