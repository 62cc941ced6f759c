"""A server that says exactly what it is told to, byte by byte, on each connection in turn."""

import asyncio
import contextlib
import ssl

import pytest

from earwitness.openai import connections
from earwitness.openai.connections import Connections
from tests.certificates import Authority

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Server:
    """Reads requests whole, and answers each with the next of `replies`; None closes the connection unanswered."""

    def __init__(self) -> None:
        self.replies: list[bytes | None] = []
        self.requests: list[bytes] = []
        self.num_connections = 0
        self.closes = False
        self.delay_s = 0.0
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.num_connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                await asyncio.sleep(self.delay_s)
                reply = self.replies.pop(0) if self.replies else OK
                if reply:
                    writer.write(reply)
                if self.closes or reply is None:
                    break
        writer.close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@contextlib.asynccontextmanager
async def started(tls: ssl.SSLContext | None = None):
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()


@contextlib.contextmanager
def connected(url: str, timeout_s: float = 5.0):
    client = Connections(url, {"X-Ours": "1"}, timeout_s=timeout_s)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
async def server():
    async with started() as server:
        yield server


@pytest.fixture
def client(server):
    with connected(f"http://{server.address}/v1/chat?a=b") as client:
        yield client


async def test_a_post_is_one_well_formed_request(server, client):
    assert await client.post(b"{}") == (200, {"content-length": "2"}, b"hi")
    head = f"POST /v1/chat?a=b HTTP/1.1\r\nHost: {server.address}\r\nX-Ours: 1\r\nContent-Length: 2\r\n\r\n"
    assert server.requests == [head.encode() + b"{}"]


async def test_calls_after_one_another_share_a_connection_and_calls_at_once_do_not(server, client):
    for _ in range(3):
        await client.post(b"{}")
    assert server.num_connections == 1
    server.delay_s = 0.1
    await asyncio.gather(*[client.post(b"{}") for _ in range(4)])
    assert server.num_connections == 4


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + OK,
    ],
)
async def test_every_framing_is_read_and_the_connection_kept(reply, server, client):
    server.replies = [reply, reply]
    assert (await client.post(b"{}")).content == b"hi"
    assert (await client.post(b"{}")).content == b"hi"
    assert server.num_connections == 1


@pytest.mark.parametrize(
    "reply",
    [b"HTTP/1.0 200 OK\r\n\r\nhi", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"],
)
async def test_a_reply_that_ends_with_its_connection_is_whole_and_the_next_call_opens_another(reply, server, client):
    server.closes, server.replies = True, [reply, reply]
    assert (await client.post(b"{}")).content == b"hi"
    assert (await client.post(b"{}")).content == b"hi"
    assert server.num_connections == 2


@pytest.mark.parametrize(
    "reply",
    [None, b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", b"HTTP/1.1 200 O"],
)
async def test_what_is_no_whole_reply_is_an_error_and_the_next_call_goes_well(reply, server, client):
    server.closes, server.replies = True, [reply]
    with pytest.raises(OSError):
        await client.post(b"{}")
    server.closes = False
    assert (await client.post(b"{}")).content == b"hi"


async def test_a_connection_closed_while_idle_is_not_used_again(server, client):
    server.closes = True
    await client.post(b"{}")
    await asyncio.sleep(0.05)
    assert (await client.post(b"{}")).status == 200


async def test_a_connection_idle_for_too_long_is_not_used_again(server, client, monkeypatch):
    monkeypatch.setattr(connections, "KEEP_ALIVE_S", 0.0)
    await client.post(b"{}")
    await client.post(b"{}")
    assert server.num_connections == 2


async def test_a_server_that_does_not_answer_costs_the_timeout_and_no_more(server):
    server.delay_s = 5
    with connected(f"http://{server.address}/", timeout_s=0.2) as client, pytest.raises(TimeoutError):
        await client.post(b"{}")


async def test_a_cancelled_call_takes_its_connection_with_it(server, client):
    server.delay_s = 0.2
    call = asyncio.create_task(client.post(b"first"))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    server.delay_s, server.replies = 0.0, [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"]
    assert (await client.post(b"second")).content == b"second"
    assert server.num_connections == 2


async def test_a_reply_without_end_is_cut_off(server, client, monkeypatch):
    monkeypatch.setattr(connections, "MAX_REPLY_BYTES", 1000)
    server.replies = [b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999]
    with pytest.raises(ConnectionError, match="MiB"):
        await client.post(b"{}")


async def test_closing_ends_the_calls_under_way(server, client):
    server.delay_s = 5
    call = asyncio.create_task(client.post(b"{}"))
    await asyncio.sleep(0.05)
    client.close()
    with pytest.raises(ConnectionAbortedError):
        await call


async def test_tls_is_checked_and_goes_through_a_proxy_s_tunnel(tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    pair = authority.sign("server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.cert, pair.key)
    async with started(tls) as server, tunnel(server) as proxy:
        with connected(f"https://{server.address}/") as client, pytest.raises(ssl.SSLCertVerificationError):
            await client.post(b"{}")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.pair.cert))
        with connected(f"https://{server.address}/") as client:
            assert (await client.post(b"{}")).content == b"hi"
        monkeypatch.setenv("https_proxy", f"http://me:p%40ss@{proxy.address}")
        with connected(f"https://{server.address}/") as client:
            assert (await client.post(b"{}")).content == b"hi"
            assert (await client.post(b"{}")).content == b"hi"
        assert proxy.requests == [
            f"CONNECT {server.address} HTTP/1.1\r\nHost: {server.address}\r\n"
            "Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n".encode()
        ]
        proxy.replies = [b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"]
        with connected(f"https://{server.address}/") as client, pytest.raises(ConnectionError, match="407"):
            await client.post(b"{}")


@contextlib.asynccontextmanager
async def tunnel(to: Server):
    """A proxy that carries bytes both ways after CONNECT, or refuses with its next reply."""
    proxy = Server()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.requests.append(await reader.readuntil(b"\r\n\r\n"))
        if proxy.replies:
            writer.write(proxy.replies.pop(0) or b"")
            return
        host, _, port = to.address.partition(":")
        inner, outer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(carry(reader, outer), carry(inner, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listening.close()


async def test_a_plain_call_goes_whole_to_the_proxy(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://{server.address}")
    with connected("http://far.example:8000/v1") as client:
        await client.post(b"{}")
    assert server.requests[0].startswith(b"POST http://far.example:8000/v1 HTTP/1.1\r\nHost: far.example:8000\r\n")


def test_a_proxy_of_another_kind_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("http_proxy", "socks5://user:secret@near.example:1080")
    with pytest.raises(ValueError, match=r"socks5://near\.example") as caught:
        Connections("http://far.example/", {}, timeout_s=1)
    assert "secret" not in str(caught.value)
