"""The pages as a part of the evaluator service."""

import aiohttp

from services.evaluator.config import EvaluatorConfig
from services.evaluator.server import serving


async def asked(port):
    """Returns what the sweep page answers: status, headers, and where it leads."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/sweep") as response:
        return response.status, response.headers, response.url.path


async def test_the_service_shows_its_pages_where_it_is_told_to(tmp_path):
    async with serving(EvaluatorConfig(out=tmp_path / "out", web_port=0)) as ports:
        status, headers, path = await asked(ports.web)
    assert (status, path) == (200, "/sweep")
    assert "Content-Security-Policy" in headers


async def test_the_pages_ask_for_the_token_that_the_service_was_given(tmp_path):
    (tmp_path / "token").write_text("an-ear-for-an-ear-0123456789abcdef")
    config = EvaluatorConfig(out=tmp_path / "out", web_port=0, web_token_file=tmp_path / "token")
    async with serving(config) as ports:
        assert (await asked(ports.web))[2] == "/sign-in"


async def test_without_a_port_there_are_no_pages(tmp_path):
    async with serving(EvaluatorConfig(out=tmp_path / "out")) as ports:
        assert ports.web is None
