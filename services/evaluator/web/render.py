"""From a page to HTML: the report's words, macros and looks, and the few that only the site has.

All that a template is given is escaped. Nothing is said inline, neither script nor style, so that the content security
policy can forbid both: a shade is a class, of which the style sheet has one for every twentieth.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader

from services.evaluator.report import html, words
from services.evaluator.web import shelf
from services.evaluator.web.page import Page, Session, Site, address

if TYPE_CHECKING:
    from services.evaluator.scoring import Tally

HERE = Path(__file__).parent
STATIC = HERE / "static"
REPORT_CSS = Path(html.__file__).parent / "templates" / "report.css"
SHADES = 20
NAVIGATION = (
    ("leaderboard", "/", "Leaderboard"),
    ("relation", "/relation", "Relation"),
    ("items", "/items", "Items"),
    ("sweep", "/sweep", "Sweep"),
    ("training", "/training", "Training"),
    ("verify", "/verify", "Verify"),
)


def render(page: Page, site: Site, session: Session) -> str:
    """Returns the page's HTML."""
    about = {
        "title": page.title,
        "section": page.section,
        "asks_token": site.asks_token,
        "visitor": session.name,
        "csrf": session.csrf,
    }
    return environment().get_template(page.template).render({**about, **page.values})


@cache
def environment() -> Environment:
    """Returns what renders the site's templates, the report's macros among them."""
    made = html.environment().overlay(
        loader=FileSystemLoader([HERE / "templates", REPORT_CSS.parent]),
    )
    made.globals = {**made.globals, **_globals()}
    made.filters = {**made.filters, "key_of": shelf.key_of}
    return made


def shade(value: str | float) -> str:
    """Returns the classes of a cell that is as dark as a share says."""
    return f"shaded v{round(float(value) * SHADES)}"


def _globals() -> dict[str, Any]:
    return {
        "address": address,
        "key_of": shelf.key_of,
        "navigation": NAVIGATION,
        "quote": quote,
        "set_of": shelf.set_of,
        "shade": shade,
        "share": words.share,
        "sentence": _sentence,
        "sure": _sure,
    }


def _sentence(text: str) -> str:
    """Returns an error's words with a capital first letter; the rest stays, unlike with Jinja's `capitalize`."""
    return text[:1].upper() + text[1:]


def _sure(total: "Tally") -> str:
    """Returns an accuracy with its interval, as a title has it."""
    if not total.n:
        return "not scored"
    sure = words.interval(total)
    low, high = words.percent(sure.low), words.percent(sure.high)
    return f"{total.correct} of {total.n}: {words.percent(total.accuracy)} %, 95 % interval {low} to {high}"
