"""A real https server on this machine, which the tests' hosts resolve to."""

import asyncio
import ipaddress
import socket
import ssl
import subprocess

import pytest
from aiohttp import web

from earwitness.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable
from earwitness.web import Web, is_public

HOST = "clips.example.org"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    names = f"subjectAltName=DNS:{HOST},DNS:other.example.org,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    paths = ["-addext", names, "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *paths], check=True, capture_output=True)
    return folder


class Origin:
    """What the server answers, and the paths that it was asked for."""

    def __init__(self):
        self.asked = []
        self.resolved = []
        self.port = 0

    async def answer(self, request):
        self.asked.append(request.path)
        if request.path == "/clip":
            return web.Response(body=b"sound")
        if request.path == "/large":
            response = web.StreamResponse()  # without a length
            await response.prepare(request)
            for _ in range(40):
                await response.write(bytes(1 << 16))
            return response
        if request.path == "/slow":
            await asyncio.sleep(30)
        if request.path == "/circle":
            return web.Response(status=307, headers={"Location": "/circle"})
        if request.path.startswith("/to/"):
            return web.Response(status=302, headers={"Location": request.query["url"]})
        return web.Response(status=503 if request.path == "/busy" else 404)

    def url(self, path, host=HOST):
        return f"https://{host}:{self.port}{path}"

    def reader(self, *, hosts=None, networks=("127.0.0.0/8",), **limits):
        allowed = hosts or (f"{HOST}:{self.port}",)
        return Web(hosts=allowed, networks=networks, **{"max_bytes": 1 << 20, "timeout_s": 5.0, **limits})


@pytest.fixture
async def origin(certificate, monkeypatch):
    origin = Origin()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", origin.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    origin.port = runner.addresses[0][1]
    resolve_to(monkeypatch, origin, ["127.0.0.1"])
    yield origin
    await runner.cleanup()


def resolve_to(monkeypatch, origin, *answers):
    """Makes each resolution give the next answer, the last one for ever."""
    left = list(answers)

    def getaddrinfo(host, port, *args, **kwargs):
        origin.resolved.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


async def test_a_file_is_fetched_from_an_allowed_host(origin):
    assert await origin.reader().fetch(origin.url("/clip"), "audio.uri") == b"sound"


async def test_a_host_in_the_private_network_is_refused_without_a_connection(origin):
    with pytest.raises(InvalidInput, match="private network"):
        await origin.reader(networks=()).fetch(origin.url("/clip"), "audio.uri")
    assert origin.asked == []


async def test_a_private_address_is_refused_where_it_stands_in_the_url(origin):
    hosts = (f"127.0.0.1:{origin.port}",)
    with pytest.raises(InvalidInput, match="private network"):
        await origin.reader(hosts=hosts, networks=()).fetch(origin.url("/clip", "127.0.0.1"), "audio.uri")
    assert await origin.reader(hosts=hosts).fetch(origin.url("/clip", "127.0.0.1"), "audio.uri") == b"sound"


async def test_a_name_that_changes_its_address_gains_nothing(origin, monkeypatch):
    # 192.0.2.1 is nobody's, and public as far as this check is told; the next answer would be this machine.
    resolve_to(monkeypatch, origin, ["192.0.2.1"], ["127.0.0.1"])
    with pytest.raises((Unavailable, DeadlineExceeded)):
        await origin.reader(networks=("192.0.2.0/24",), timeout_s=0.5).fetch(origin.url("/clip"), "audio.uri")
    assert origin.resolved == [HOST]
    assert origin.asked == []


async def test_of_several_addresses_only_those_that_are_allowed_are_tried(origin, monkeypatch):
    resolve_to(monkeypatch, origin, ["10.0.0.1", "127.0.0.1"])
    assert await origin.reader(timeout_s=2.0).fetch(origin.url("/clip"), "audio.uri") == b"sound"


async def test_a_redirect_is_followed_to_an_allowed_host_alone(origin):
    reader = origin.reader()
    assert await reader.fetch(origin.url(f"/to/?url={origin.url('/clip')}"), "audio.uri") == b"sound"
    for place in (origin.url("/clip", "other.example.org"), f"http://{HOST}:{origin.port}/clip", "https://[::1]/", ""):
        with pytest.raises(InvalidInput):
            await reader.fetch(origin.url(f"/to/?url={place}"), "audio.uri")
    assert origin.asked.count("/clip") == 1


async def test_a_circle_of_redirects_ends(origin):
    with pytest.raises(InvalidInput, match="redirects more than 3 times"):
        await origin.reader().fetch(origin.url("/circle"), "audio.uri")
    assert len(origin.asked) == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://clips.example.org/clip",
        "https://user:word@clips.example.org/clip",
        "https://evil.org/clip",
        "https://clips.example.org.evil.org/clip",
        "https://clips.example.org:8443/clip",
        "https://evil.org#clips.example.org",
        "https:///clip",
        "https://clips.example.org:port/",
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_is_resolved(url):
    with pytest.raises(InvalidInput):
        Web(hosts=(HOST,), max_bytes=1, timeout_s=1).check(url, "audio.uri")


def test_hosts_are_matched_by_name_port_and_domain():
    reader = Web(hosts=(HOST, "*.clips.net", "a.org:8443"), max_bytes=1, timeout_s=1)
    for url in (f"https://{HOST}/a", f"https://{HOST.upper()}:443/a", "https://x.clips.net/", "https://a.org:8443/"):
        reader.check(url, "audio.uri")
    for url in ("https://clips.net/", "https://evilclips.net/", "https://a.org/"):
        with pytest.raises(InvalidInput):
            reader.check(url, "audio.uri")


async def test_a_file_beyond_the_limit_is_refused_though_its_length_is_not_stated(origin):
    with pytest.raises(InvalidInput, match="over 1 MiB"):
        await origin.reader().fetch(origin.url("/large"), "audio.uri")


async def test_what_fails_fails_by_its_reason(origin):
    reader = origin.reader(timeout_s=0.5)
    with pytest.raises(NotFound, match="404"):
        await reader.fetch(origin.url("/none"), "audio.uri")
    with pytest.raises(Unavailable, match="503"):
        await reader.fetch(origin.url("/busy"), "audio.uri")
    with pytest.raises(DeadlineExceeded, match=r"0\.5 s"):
        await reader.fetch(origin.url("/slow"), "audio.uri")


async def test_a_certificate_that_does_not_hold_is_refused(origin, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(InvalidInput, match="certificate"):
        await origin.reader().fetch(origin.url("/clip"), "audio.uri")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_internet(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet(address):
    assert is_public(ipaddress.ip_address(address))
