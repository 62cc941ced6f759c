"""Who gets in, what goes out with every reply, and that nothing a model wrote is ever markup."""

import re
from dataclasses import replace

import aiohttp
import pytest

from services.evaluator.web.config import WebConfig
from services.evaluator.web.limits import ATTEMPTS, FORGIVEN_S
from tests import sounds
from tests.services.evaluator.web.conftest import TOKEN, Visitor, visiting
from tests.services.evaluator.web.shelves import always, items, shelve

PAGES = ("/", "/relation", "/sweep", "/training", "/verify")


@pytest.fixture
def guarded(results, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return WebConfig(results=(results,), token_file=file)


async def test_every_page_forbids_foreign_and_inline_scripts_and_styles_and_has_none(results, mine):
    async with visiting(WebConfig(results=(results,))) as visitor:
        for path in (*PAGES, f"/items/{mine}", f"/items/{mine}/item?id=q/0", "/backbone?name=Alpha", "/nowhere"):
            text = await visitor.get(path, status=404 if path == "/nowhere" else 200)
            policy = visitor.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert visitor.headers["X-Content-Type-Options"] == "nosniff"
            assert not re.search(r"<script(?! src=\"/static/)|<style|\sstyle=|\son\w+=\"|https?://(?!www\.w3)", text)


async def test_what_a_model_wrote_is_text(results, mine):
    async with visiting(WebConfig(results=(results,))) as visitor:
        text = await visitor.get(f"/items/{mine}/item?id=q/0")
    assert "<img" not in text
    assert "&lt;img src=x onerror=" in text


async def test_without_a_token_there_is_no_page_no_answer_and_no_clip(guarded, mine):
    async with visiting(guarded) as visitor:
        for path in (*PAGES, f"/items/{mine}", f"/items/{mine}/clip.wav?id=q/0", "/sweep/events", "/nowhere"):
            text = await visitor.get(path, status=303)
            assert visitor.headers["Location"].startswith("/sign-in")
            assert "Alpha" not in text


async def test_one_signs_in_with_the_token_and_is_led_to_where_one_was_going(guarded, mine):
    async with visiting(guarded) as visitor:
        await visitor.get(f"/items/{mine}?outcome=wrong", status=303)
        await visitor.get(visitor.headers["Location"])
        await visitor.post("/sign-in", status=401, token="not-the-token-at-all", to="/")
        await visitor.post("/sign-in", token=TOKEN, to=f"/items/{mine}?outcome=wrong")
        assert visitor.headers["Location"] == f"/items/{mine}?outcome=wrong"
        cookie = visitor.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "What sounds like" in await visitor.get(f"/items/{mine}?outcome=wrong")
        assert visitor.headers["Cache-Control"] == "no-store"
        await visitor.get("/")
        await visitor.post("/sign-out")
        await visitor.get("/", status=303)


@pytest.mark.parametrize("to", ["//evil.example", "/\\evil.example", "https://evil.example", "evil"])
async def test_signing_in_leads_nowhere_else(guarded, to):
    async with visiting(guarded) as visitor:
        await visitor.get("/sign-in")
        await visitor.post("/sign-in", token=TOKEN, to=to)
        assert visitor.headers["Location"] == "/"


async def test_signing_in_makes_a_new_session(guarded):
    async with visiting(guarded) as visitor:
        await visitor.get("/sign-in")
        before = visitor.headers["Set-Cookie"].split(";")[0]
        await visitor.post("/sign-in", token=TOKEN)
        assert visitor.headers["Set-Cookie"].split(";")[0] != before


async def test_a_program_may_read_with_its_token_and_change_nothing(guarded):
    async with visiting(guarded) as visitor:
        assert "Alpha" in await visitor.get("/", Authorization=f"Bearer {TOKEN}")
        await visitor.get("/", status=303, Authorization="Bearer another-token-of-nobody")
        await visitor.post("/sweep/stop", status=401, headers={"Authorization": f"Bearer {TOKEN}"}, id="x")


async def test_after_too_many_wrong_tokens_an_address_waits_and_who_is_in_stays_in(guarded):
    async with visiting(guarded) as visitor:
        await visitor.get("/sign-in")
        await visitor.post("/sign-in", token=TOKEN)
        async with aiohttp.ClientSession() as other:
            program = Visitor(other, visitor.base)
            for _ in range(ATTEMPTS):
                await program.get("/", status=303, Authorization="Bearer another-token-of-nobody")
            await program.get("/", status=429, Authorization=f"Bearer {TOKEN}")
        assert 1 <= int(program.headers["Retry-After"]) <= FORGIVEN_S / ATTEMPTS
        assert "Alpha" in await visitor.get("/")


async def test_the_door_says_when_to_try_again(guarded):
    async with visiting(guarded) as visitor:
        await visitor.get("/sign-in")
        for _ in range(ATTEMPTS):
            assert "Ask the operator for one" in await visitor.post(
                "/sign-in", status=401, token="not-the-token-at-all"
            )
        assert "Try again in 6 s" in await visitor.post("/sign-in", status=429, token=TOKEN)
        assert visitor.headers["Retry-After"] == "6"


@pytest.mark.parametrize(("secure", "status"), [(True, 303), (False, 429)])
async def test_an_address_is_what_a_proxy_says_where_there_is_one(guarded, secure, status):
    async with visiting(replace(guarded, secure=secure)) as visitor:
        for number in range(ATTEMPTS + 1):
            sent = {"X-Forwarded-For": f"10.9.9.9, 10.0.0.{number}", "Authorization": "Bearer another-token-of-nobody"}
            await visitor.get("/", status=status if number == ATTEMPTS else 303, **sent)


async def test_a_callers_file_says_who_signs_in_and_who_may_not(results, tmp_path):
    file = tmp_path / "callers.yaml"
    file.write_text(
        "callers:\n"
        f"  - {{name: ann, token: {TOKEN}, rights: [evaluator]}}\n"
        "  - {name: bob, token: the-token-of-bob-x, rights: [llm]}\n"
    )
    async with visiting(WebConfig(results=(results,), token_file=file)) as visitor:
        await visitor.get("/sign-in")
        assert "may not see the evaluator" in await visitor.post("/sign-in", status=403, token="the-token-of-bob-x")
        await visitor.post("/sign-in", token=TOKEN)
        assert "ann" in await visitor.get("/")


@pytest.mark.parametrize("path", ["/sweep/start", "/sweep/stop", "/sweep/resume", "/verify/judge", "/sign-out"])
async def test_a_form_of_another_session_or_site_is_refused(results, path):
    async with visiting(WebConfig(results=(results,))) as visitor:
        await visitor.get("/verify")
        await visitor.post(path, status=403, csrf="")
        await visitor.post(path, status=403, csrf="x" * 32)
        await visitor.get("/sweep")
        await visitor.post(path, status=403, headers={"Sec-Fetch-Site": "cross-site"})


async def test_an_open_site_answers_to_its_own_name_alone(results):
    async with visiting(WebConfig(results=(results,))) as visitor:
        await visitor.get("/", status=403, Host="evil.example")
        await visitor.get("/", status=403, Host="127.0.0.1.evil.example:80")
        await visitor.get("/", Host="localhost:1234")
        await visitor.get("/", Host="[::1]:80")


async def test_a_wrong_address_is_a_page_with_one_clear_line(results, mine):
    async with visiting(WebConfig(results=(results,))) as visitor:
        assert "no such item" in await visitor.get(f"/items/{mine}/item?id=nobody", status=404)
        assert "answers to such a benchmark" in await visitor.get("/items/none-00000000", status=404)
        assert "is no number" in await visitor.get(f"/items/{mine}?page=x", status=400)
        assert "is none of" in await visitor.get(f"/items/{mine}?outcome=x", status=400)
        await visitor.get("/static/../app.py", status=404)


async def test_a_clip_is_played_in_parts_and_drawn_once(tmp_path):
    from services.evaluator.clips import ClipStore

    (tmp_path / "a.flac").write_bytes(sounds.encode(sounds.tone(440, 1.0), format="FLAC"))
    sha256 = ClipStore().find(tmp_path / "a.flac").sha256
    folder = tmp_path / "results"
    asked = items(2)
    from services.evaluator.web.shelf import set_of

    made = shelve(
        folder, {"Alpha": always("A")}, asked, setting="cascade", clips=[sha256, "0" * 64], caption="A <b>tone</b>."
    )
    base = f"/items/{set_of(made[0])}"
    async with visiting(WebConfig(results=(folder,))) as visitor:
        text = await visitor.get(f"{base}/item?id=q/0")
        assert "<audio" in text
        assert "A &lt;b&gt;tone&lt;/b&gt;." in text
        part = await visitor.get(f"{base}/clip.wav?id=q/0", status=206, Range="bytes=0-3")
        assert part == "RIFF"
        assert visitor.headers["Cache-Control"].startswith("private")
        await visitor.get(f"{base}/spectrogram.png?id=q/0")
        assert visitor.headers["Content-Type"] == "image/png"
        assert "is not on this machine" in await visitor.get(f"{base}/item?id=q/1")
        await visitor.get(f"{base}/clip.wav?id=q/1", status=404)
    assert len(list((tmp_path / "home" / "web" / "pictures").rglob("*.png"))) == 1
