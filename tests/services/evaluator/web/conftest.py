"""Sites over real results, and a browser's side of HTTP."""

import re
from contextlib import asynccontextmanager

import aiohttp
import pytest

from services.evaluator.web import app
from services.evaluator.web.config import WebConfig
from services.evaluator.web.opening import opened
from services.evaluator.web.shelf import set_of
from tests.services.evaluator.web.shelves import always, items, mixed, shelve

TOKEN = "a-token-that-nobody-guesses"


class Visitor:
    """A browser without scripts: keeps its cookie, and sends forms as the page before had them."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session, self.base, self.csrf = session, base, ""

    async def get(self, path: str, status: int = 200, **headers: str) -> str:
        async with self.session.get(self.base + path, headers=headers, allow_redirects=False) as response:
            self.headers = response.headers
            body = await response.read()
            assert response.status == status, body[:500]
        text = body.decode(errors="replace")
        found = re.search(r'name="csrf" value="([^"]+)"', text)
        self.csrf = found[1] if found else self.csrf
        return text

    async def post(self, path: str, status: int = 303, csrf: str | None = None, headers=None, **form: object) -> str:
        data = {"csrf": self.csrf if csrf is None else csrf, **form}
        async with self.session.post(
            self.base + path, data=data, headers=headers or {}, allow_redirects=False
        ) as response:
            self.headers = response.headers
            text = await response.text()
            assert response.status == status, text[-900:]
        return text


@asynccontextmanager
async def visiting(config: WebConfig, **runs):
    """Serves a site and visits it."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        opened(config, **runs) as (site, guard),
        app.serving(site, guard) as port,
        aiohttp.ClientSession(cookie_jar=jar) as session,
    ):
        yield Visitor(session, f"http://127.0.0.1:{port}")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))


@pytest.fixture
def results(tmp_path):
    """Sixty items that three backbones answered."""
    folder = tmp_path / "results"
    shelve(folder, {"Alpha": mixed, "Beta": always("A"), "Gamma": always("B")}, items(60))
    return folder


@pytest.fixture
def mine(results):
    """The benchmark's name in addresses."""
    from services.evaluator.result import load

    return set_of(load(results).results[0])
