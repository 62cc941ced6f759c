"""Every page in Chromium as it is looked at: on a phone, at twice the size, on paper, by keyboard, and how fast."""

import sys
import time
from dataclasses import replace

import pytest

from services.evaluator import result as results_of
from services.evaluator.web.config import WebConfig
from services.evaluator.web.shelf import key_of, set_of
from tests.services.evaluator.web.browsing import everything as everything
from tests.services.evaluator.web.browsing import page as page
from tests.services.evaluator.web.browsing import served
from tests.services.evaluator.web.shelves import always, items, mixed, shelve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
MANY = 100_000
MANY_S, FIRST_S = 3.0, 60.0
"""For a page of a hundred thousand items, and for the first look at them, on a busy machine with two cores."""
PRINTED_PX = 688
"""The width of A4 within the margins of the style sheet, 182 mm at 96 pixels an inch."""
USABLE = ":is(a[href], button, select, textarea, input:not([type=hidden]), summary)"
PATHS = (
    "/",
    "/compare",
    "/compare?one=Alpha&other=Beta",
    "/compare?one=GPT-5&other=Phi-4-14B",
    "/relation",
    "/backbone?name=GPT-5",
    "/items/{mine}",
    "/items/{mine}/item?id=q/0",
    "/sweep",
    "/training",
    "/verify",
    "/verify/status",
)


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (640, "light"), (1280, "dark")])
async def test_every_page_fits_a_phone_and_a_screen_at_twice_the_size(page, everything, mine, width, scheme):
    await page.set_viewport_size({"width": width, "height": 800})
    await page.emulate_media(color_scheme=scheme)
    async with served(everything) as base:
        for path in PATHS:
            await page.goto(base + path.format(mine=mine))
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
            assert await page.locator("h1").count() == 1


async def test_on_paper_all_is_black_on_white_without_navigation_and_no_table_is_cut(page, everything, mine):
    await page.set_viewport_size({"width": PRINTED_PX, "height": 1000})
    await page.emulate_media(media="print", color_scheme="dark")
    async with served(everything) as base:
        for path in PATHS:
            await page.goto(base + path.format(mine=mine))
            ink, paper = await page.evaluate(
                "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
            )
            assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)"), path
            for part in await page.locator("nav, form, button:not(th > button), select, audio").all():
                assert not await part.is_visible(), path
            for shown in await page.locator("table, svg").all():
                box = await shown.bounding_box()
                assert box is None or box["x"] + box["width"] <= PRINTED_PX + 1, path
            whole = await page.evaluate("document.documentElement.scrollWidth")
            assert whole <= PRINTED_PX, path
        assert (await page.pdf(prefer_css_page_size=True, format="A4")).startswith(b"%PDF")


async def test_the_tab_key_reaches_all_that_can_be_used_and_shows_where_it_is(page, everything, mine):
    """In the order of the page, and round again."""
    async with served(everything) as base:
        for path in PATHS:
            await page.goto(base + path.format(mine=mine))
            reached, rounds = 0, 0
            while rounds < 2:  # a page may begin in its midst
                await page.keyboard.press("Tab")
                seen = await page.evaluate(
                    """() => {
                        const at = document.activeElement;
                        if (at === document.body || at.dataset.reached) return "round";
                        at.dataset.reached = "yes";
                        const isShown = getComputedStyle(at).outlineStyle !== "none";
                        return isShown || ["radio", "checkbox"].includes(at.type) ? "shown" : at.outerHTML;
                    }"""
                )
                assert seen in ("shown", "round"), path
                reached += seen == "shown"
                rounds += seen == "round"
            missed = await page.locator(f"{USABLE}:not([data-reached])").evaluate_all(
                "all => all.filter(each => each.type !== 'radio' && each.checkVisibility()).map(each => each.outerHTML)"
            )
            assert missed == [], path
            assert reached > 5, path


async def test_a_hundred_thousand_answers_are_shown_at_once(page, tmp_path, capsys):
    folder = tmp_path / "many"
    made = shelve(folder, {"Alpha": mixed, "Beta": always("A")}, items(1000))
    times = MANY // 1000
    for each in made:
        lines = (folder / each.answers).read_bytes().replace(b'"id":"q/', b'"id":"%d/')
        (folder / each.answers).write_bytes(b"".join(lines.replace(b"%d/", b"%d/" % part) for part in range(times)))
    grown = tuple(replace(each, outcomes=each.outcomes * times) for each in made)
    results_of.save(results_of.Experiment(name="many", results=grown), folder)
    base_path, keys = f"/items/{set_of(made[0])}", [key_of(each) for each in made]
    paths = {
        "the list, for the first time": base_path,
        "the list": base_path,
        "the last page of it": f"{base_path}?page=4000",
        "those that were not read": f"{base_path}?outcome=unparsed",
        "those of a category on which two disagree": f"{base_path}?by.category=music&differ=systems",
        "one item": f"{base_path}/item?id=99/999",
        "two runs compared": f"/compare?first={keys[0]}&second={keys[1]}",
        "the leaderboard": "/",
    }
    took: dict[str, float] = {}
    async with served(WebConfig(results=(folder,))) as base:
        for name, path in paths.items():
            started = time.monotonic()
            await page.goto(base + path)
            took[name] = time.monotonic() - started
            assert took[name] < (FIRST_S if name.endswith("first time") else MANY_S), name
            if name == "one item":
                assert "100,000" in await page.locator("nav.pages.top").inner_text()
    with capsys.disabled():
        sys.stdout.write(f"\n{len(made)} x {MANY:,} answers, seconds until a page is there:\n")
        sys.stdout.writelines(f"  {seconds:6.2f}  {name}\n" for name, seconds in took.items())
