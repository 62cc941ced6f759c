"""`python -m tools.pages DEMO`: the pages of `earwitness web` as pictures for `docs/img`.

They are of what `earwitness demo` left in its folder, with a sweep of the bundled text benchmarks beside it that goes
on as it is drawn. Its backbone is the echo engine with a small context, so that long questions fail, at a price that is
made up. `--all FOLDER` draws every page in every look instead: light, dark, at twice the size, on a phone, and on
paper. Needs `chromium`.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from earwitness import server
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotFound, NotReady
from earwitness.sampling import Generation, Sampling
from services.evaluator.akb import question
from services.evaluator.akb.store import Annotation, Annotations
from services.evaluator.config import EvaluatorConfig
from services.evaluator.web import app
from services.evaluator.web.config import WebConfig
from services.evaluator.web.opening import opened
from services.evaluator.web.shelf import Shelf, key_of, set_of
from services.llm.config import LlmConfig
from services.llm.engine import EchoTextEngine
from services.llm.servicer import LlmServicer

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "img"
QUESTIONS = ROOT / "services" / "evaluator" / "data" / "mini-akb" / "mini-akb.jsonl"
NUM_QUESTIONS, COLOURS = 40, 128
ROOM, DELAY_S = 45, 0.4
"""Words that the echo engine has room for, and the time that it takes."""
PRICES = "prices:\n  echo: {source: made up for a picture, date: 2026-01-01, prompt_per_million: 20}\n"
SETTLE_S, UNDER_WAY_S = 0.4, 12.0
PAPER, MARGIN = (688, 760), 53
"""A4 within the margins of the style sheet, at 96 pixels an inch, and these margins; the lower part is left out."""
Act = Callable[[Any], Awaitable[None]]
"""What is done on a page before it is drawn; the page is playwright's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a page is looked at."""

    width: int = 1280
    height: int = 900
    scheme: Literal["light", "dark"] = "light"
    scale: int = 1
    on_paper: bool = False


LOOKS = {
    "light": Look(),
    "dark": Look(scheme="dark"),
    "twice": Look(width=640, height=450, scale=2),
    "phone": Look(width=400, height=800, scheme="dark"),
    "phone-light": Look(width=400, height=800),
    "paper": Look(width=PAPER[0], height=PAPER[1], on_paper=True),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One page."""

    name: str
    path: str
    act: Act | None = None
    drawn: tuple[tuple[str, int], ...] = ()
    """For the docs: the looks, each with the height of its picture."""


class Cramped(EchoTextEngine):
    """The echo engine with room for `ROOM` words."""

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """See TextEngine."""
        words = len(turns[-1].content.split())
        if words > ROOM:
            raise InvalidInput(f"{words} words, and the context has room for {ROOM}", "messages", "send a shorter one")
        return await super().generate(turns, sampling, thinking=thinking)


def pictures(demo: Path, llm: str) -> list[Picture]:
    """Returns every page; raises NotFound for a folder that has no results of the demo."""
    sections = {section.benchmark: section for section in Shelf([demo]).known().table.sections}
    if "mini-mmau" not in sections or len(sections["mini-mmau"].runs) < 2:
        raise NotFound("holds no results of the demo", str(demo), "run `earwitness demo` first")
    heard = sections["mini-mmau"]
    items = f"/items/{set_of(heard.first)}"
    first, second = (key_of(run.result) for run in heard.runs[:2])
    wide, small, paper = ("light", 1150), ("phone", 800), ("paper", PAPER[1])

    async def start(page: Any) -> None:
        await _start(page, llm)

    return [
        Picture(name="sweep", path="/sweep", act=start, drawn=(("light", 950),)),
        Picture(name="leaderboard", path="/", drawn=(wide, small)),
        Picture(name="intervals", path="/", act=lambda page: page.locator("#intervals").check()),
        Picture(name="compare", path=f"/compare?first={first}&second={second}", drawn=(("light", 1000),)),
        Picture(name="choose", path="/compare"),
        Picture(name="printed", path="/compare?one=GPT-5&other=Phi-4-14B"),
        Picture(name="backbone", path=f"/backbone?name={heard.runs[0].backbone}"),
        Picture(name="relation", path="/relation?x=MMAU_T&y=MMAU_A", drawn=(("light", 950), ("dark", 950))),
        Picture(name="benchmarks", path="/items"),
        Picture(name="items", path=f"{items}?differ=systems", drawn=(("light", 850),)),
        Picture(name="item", path=f"{items}/item?id=sound-01", drawn=(("light", 1300), ("phone", 1100), paper)),
        Picture(name="training", path="/training", drawn=(("light", 1000),)),
        Picture(name="name", path="/verify"),
        Picture(name="verify", path="/verify", act=_judge, drawn=(("light", 760), small)),
        Picture(name="adjudicate", path="/verify", act=_adjudicate),
        Picture(name="status", path="/verify/status"),
        Picture(name="error", path="/items/nothing-00000000"),
    ]


async def _start(page: Any, llm: str) -> None:
    """Starts two runs of the echo engine and two of a backbone that is not there, unless that was done."""
    if await page.locator("tr[data-run]").count():
        return
    for name in ("mini-akb", "open-akb"):
        await page.locator(f"input[value={name}]").check()
    await page.locator("textarea").fill(f"127.0.0.1:1\n{llm}")
    await page.locator("input[name=in_flight]").fill("16")
    await page.locator("input[name=max_tokens]").fill("4")
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_selector("tr[data-state=running]")
    await asyncio.sleep(UNDER_WAY_S)


async def _judge(page: Any) -> None:
    if await page.locator("#annotator").count():
        await page.locator("#annotator").fill("cleo")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("[data-judge]")
    await page.keyboard.press("2")


async def _adjudicate(page: Any) -> None:
    await _judge(page)
    await page.get_by_role("link", name="Adjudicate").click()
    await page.wait_for_load_state()


def seeded(path: Path) -> str:
    """Makes a store of annotations in which two people agree on most questions and leave some; returns its place."""
    store = Annotations.at(path)
    store.add(question.read(QUESTIONS)[:NUM_QUESTIONS])
    for name, count, doubted in (("ada", 24, 3), ("ben", 20, 5)):
        for number in range(count):
            handed = store.next_for(name)
            if handed is None:
                break
            key, asked = handed
            verdict = "reject" if number % 8 == doubted else "accept"
            note = "two of the choices fit" if verdict == "reject" else ""
            store.record(
                Annotation(
                    question=key,
                    annotator=name,
                    verdict=verdict,
                    choice=asked.answer if number % 11 else asked.distractors[0],
                    note=note,
                    seconds=6.0 + number % 9,
                )
            )
    store.close()
    return str(path)


@asynccontextmanager
async def site(demo: Path, scratch: Path) -> AsyncGenerator[tuple[str, str]]:
    """Serves the pages and a backbone for as long as the block lasts; yields the addresses of both."""
    (scratch / "prices.yaml").write_text(PRICES)
    config = WebConfig(
        results=(scratch / "runs", demo),
        train=tuple(sorted(path.parent for path in demo.glob("lalm-*/curve.jsonl"))),
        annotations=seeded(scratch / "verdicts.sqlite"),
        prices=scratch / "prices.yaml",
    )
    runs = EvaluatorConfig(out=scratch / "runs", ledger=f"sqlite:///{scratch / 'ledger.sqlite'}")
    engine = Cramped(LlmConfig(engine="echo", echo_delay_s=DELAY_S))
    started, port = await server.start(LlmServicer(LlmConfig(engine="echo"), engine))
    try:
        async with opened(config, runs) as (made, guard), app.serving(made, guard) as shown:
            yield f"http://127.0.0.1:{shown}", f"127.0.0.1:{port}"
    finally:
        await started.stop(None)


async def draw(browser: Any, base: str, picture: Picture, look: Look, out: Path, height: int = 0) -> None:
    """Draws one page in one look, whole or as high as is said; on paper, as a PDF too."""
    context = await browser.new_context(
        viewport={"width": look.width, "height": height or look.height},
        color_scheme=look.scheme,
        device_scale_factor=look.scale,
    )
    page = await context.new_page()
    await page.goto(base + picture.path)
    if picture.act:
        await picture.act(page)
    if look.on_paper:
        await page.emulate_media(media="print")
    await asyncio.sleep(SETTLE_S)
    await page.screenshot(path=out, full_page=not height)
    if look.on_paper and not height:
        await page.pdf(path=out.with_suffix(".pdf"), prefer_css_page_size=True, format="A4")
    await context.close()
    _thin(out, MARGIN if look.on_paper else 0)


def _thin(path: Path, margin: int) -> None:
    """Writes a picture again with a white margin and few colours: it takes a third of the room."""
    from PIL import Image, ImageOps

    framed = ImageOps.expand(Image.open(path).convert("RGB"), margin, "white")
    framed.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


async def main(options: argparse.Namespace) -> None:
    """Draws; raises NotReady without a browser."""
    from playwright.async_api import async_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise NotReady("is not installed", "chromium", "apt-get install chromium")
    out: Path = options.all or options.out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        async with site(options.demo, Path(name)) as (base, llm), async_playwright() as playwright:
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
            for picture in pictures(options.demo, llm):
                wanted = [(look, 0) for look in LOOKS] if options.all else picture.drawn
                for look, height in wanted:
                    suffix = "" if look == "light" else f"-{look}"
                    file = out / f"web-{picture.name}{suffix}.png"
                    await draw(browser, base, picture, LOOKS[look], file, height)
                    print(file)
            await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__)
    parser.add_argument("demo", type=Path, help="the folder of `earwitness demo`")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder of the pictures")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="draw every page in every look, into this folder")
    sys.exit(asyncio.run(main(parser.parse_args())))
