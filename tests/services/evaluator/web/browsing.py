"""A page of Chromium, a site to visit, and settings with something on every page."""

import asyncio
import os
import shutil
from contextlib import asynccontextmanager

import pytest

from services.evaluator.akb.store import Annotations
from services.evaluator.web import app
from services.evaluator.web.config import WebConfig
from services.evaluator.web.opening import opened
from tests.services.evaluator.web.test_pages import question, train

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GONE = "ERR_CONNECTION_REFUSED"
"""What a page says that still loads its icon when the test's site has ended."""


@pytest.fixture
async def page():
    """A page of a fresh browser; whatever it complains of fails the test."""
    if CHROMIUM is None:
        if os.environ.get("EARWITNESS_REQUIRE_BROWSER"):
            pytest.fail("there is no chromium, and EARWITNESS_REQUIRE_BROWSER is set")
        pytest.skip("there is no chromium: apt-get install chromium")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        opened_page = await browser.new_page(viewport={"width": 1280, "height": 900})
        complaints: list[str] = []
        opened_page.on("pageerror", lambda error: complaints.append(str(error)))
        opened_page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        yield opened_page
        await browser.close()
        complaints = [text for text in complaints if GONE not in text]
        assert not complaints, complaints


@asynccontextmanager
async def served(config_, **runs):
    async with opened(config_, **runs) as (site, guard), app.serving(site, guard) as port:
        yield f"http://127.0.0.1:{port}"


async def until(page, expression, seconds=20):
    """Waits for an expression to hold. Playwright's own way evaluates a text in the page, which the policy forbids."""
    async with asyncio.timeout(seconds):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.05)


@pytest.fixture
def everything(results, tmp_path):
    """Settings with something on every page."""
    store = Annotations.at(tmp_path / "verdicts.sqlite")
    store.add([question(number) for number in range(3)])
    store.close()
    return WebConfig(
        results=(results,), train=(train(tmp_path / "run", 20),), annotations=str(tmp_path / "verdicts.sqlite")
    )
