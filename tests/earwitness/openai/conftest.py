import pytest
from aiohttp import web

from tests.earwitness.openai.vendor import KEY, KEY_ENV, Vendor


@pytest.fixture
async def vendor(monkeypatch):
    monkeypatch.setenv(KEY_ENV, KEY)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    vendor = Vendor()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", vendor.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=512)
    await site.start()
    vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield vendor
    await runner.cleanup()
