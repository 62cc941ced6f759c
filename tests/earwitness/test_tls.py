import asyncio
import shutil
import ssl
import time
from contextlib import asynccontextmanager, closing

import pytest

from earwitness import server
from earwitness.access import Access
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import EarwitnessError, InvalidInput, NotFound, Unavailable
from earwitness.tls import ServerTls
from tests.certificates import Authority
from tests.serving import FunctionServicer, said

TURNS = [Turn(role="user", content="Hello")]


async def greet(request):
    return said("Hello.")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@asynccontextmanager
async def serving(tls):
    running, port = await server.start(FunctionServicer(greet), tls=tls)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await running.stop(None)


async def ask(address, access):
    client = LlmClient.at(address, num_channels=1, timeout_s=5, access=access)
    try:
        return (await client.generate(TURNS)).text
    finally:
        await client.close()


async def test_a_client_that_trusts_the_authority_is_served_over_tls(authority):
    pair = authority.sign("server")
    async with serving(ServerTls(cert=pair.cert, key=pair.key)) as address:
        assert await ask(address, Access(ca=authority.pair.cert)) == "Hello."


async def test_neither_clear_text_nor_another_authority_gets_through(authority, tmp_path):
    pair = authority.sign("server")
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    async with serving(ServerTls(cert=pair.cert, key=pair.key)) as address:
        for access in (Access(), Access(ca=other.pair.cert), Access(tls=True)):
            with pytest.raises(Unavailable):
                await ask(address, access)


async def test_mutual_tls_wants_a_certificate_that_its_authority_signed(authority, tmp_path):
    pair, mine = authority.sign("server"), authority.sign("client")
    (tmp_path / "other").mkdir()
    foreign = Authority(tmp_path / "other").sign("client")
    ca = authority.pair.cert
    async with serving(ServerTls(cert=pair.cert, key=pair.key, client_ca=ca)) as address:
        assert await ask(address, Access(ca=ca, cert=mine.cert, key=mine.key)) == "Hello."
        for access in (Access(ca=ca), Access(ca=ca, cert=foreign.cert, key=foreign.key)):
            with pytest.raises(Unavailable):
                await ask(address, access)


async def test_a_renewed_certificate_is_shown_without_a_restart(authority, tmp_path, monkeypatch):
    monkeypatch.setattr("earwitness.tls.LOOK_EVERY_S", 0.0)
    pair = authority.sign("server")
    (tmp_path / "new").mkdir()
    renewed_by = Authority(tmp_path / "new")
    async with serving(ServerTls(cert=pair.cert, key=pair.key)) as address:
        assert await ask(address, Access(ca=authority.pair.cert)) == "Hello."
        renewed = renewed_by.sign("server")
        shutil.copy(renewed.cert, pair.cert)  # for a moment the pair does not match: the old one stays in force
        assert await ask(address, Access(ca=authority.pair.cert)) == "Hello."
        shutil.copy(renewed.key, pair.key)
        assert await ask(address, Access(ca=renewed_by.pair.cert)) == "Hello."
        with pytest.raises(Unavailable):
            await ask(address, Access(ca=authority.pair.cert))


async def test_an_authority_of_clients_that_changes_counts_for_new_connections(authority, tmp_path, monkeypatch):
    monkeypatch.setattr("earwitness.tls.LOOK_EVERY_S", 0.0)
    pair, mine, ca = authority.sign("server"), authority.sign("client"), authority.pair.cert
    (tmp_path / "new").mkdir()
    other = Authority(tmp_path / "new")
    theirs, trusted = other.sign("client"), shutil.copy(ca, tmp_path / "trusted.crt")
    async with serving(ServerTls(cert=pair.cert, key=pair.key, client_ca=trusted)) as address:
        assert await ask(address, Access(ca=ca, cert=mine.cert, key=mine.key)) == "Hello."
        trusted.write_text("nothing")  # which cannot be used: the old one stays in force
        assert await ask(address, Access(ca=ca, cert=mine.cert, key=mine.key)) == "Hello."
        shutil.copy(other.pair.cert, trusted)
        assert await ask(address, Access(ca=ca, cert=theirs.cert, key=theirs.key)) == "Hello."
        with pytest.raises(Unavailable):
            await ask(address, Access(ca=ca, cert=mine.cert, key=mine.key))


async def test_a_server_of_http_takes_up_renewed_certificates_too(authority, tmp_path, monkeypatch):
    monkeypatch.setattr("earwitness.tls.LOOK_EVERY_S", 0.0)
    pair, mine = authority.sign("server"), authority.sign("client")
    (tmp_path / "new").mkdir()
    other = Authority(tmp_path / "new")
    served, theirs, trusted = other.sign("server"), other.sign("client"), tmp_path / "trusted.crt"
    shutil.copy(authority.pair.cert, trusted)

    async def greet(reader, writer):
        writer.write(b"Hello.")
        writer.close()

    async def read(trusts, shows, name):
        context = ssl.create_default_context(cafile=trusts)
        context.load_cert_chain(shows.cert, shows.key)
        context.check_hostname = name is not None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
            with closing(writer):
                return await reader.read()
        except OSError:
            return b""

    context = ServerTls(cert=pair.cert, key=pair.key, client_ca=trusted).context()
    listening = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    for name in ("127.0.0.1", "localhost", None):
        assert await read(authority.pair.cert, mine, name) == b"Hello."
    shutil.copy(served.cert, pair.cert)
    shutil.copy(served.key, pair.key)
    shutil.copy(other.pair.cert, trusted)
    for name in ("127.0.0.1", "localhost", None):
        assert await read(other.pair.cert, theirs, name) == b"Hello."
        for trusts, shows in ((authority.pair.cert, theirs), (other.pair.cert, mine)):
            assert await read(trusts, shows, name) == b""
    listening.close()


async def test_a_client_takes_up_renewed_certificates_and_its_calls_under_way_go_on(authority, tmp_path, monkeypatch):
    monkeypatch.setattr("earwitness.channel.LOOK_EVERY_S", 0.0)
    pair, mine = authority.sign("server"), authority.sign("client")
    (tmp_path / "new").mkdir()
    renewed = Authority(tmp_path / "new")
    held = asyncio.Event()

    async def slow(request):
        await held.wait()
        return said("Slowly.")

    ca = shutil.copy(authority.pair.cert, tmp_path / "ca.crt")
    old = ServerTls(cert=pair.cert, key=pair.key, client_ca=authority.pair.cert)
    running, port = await server.start(FunctionServicer(slow), tls=old)
    client = LlmClient.at(
        f"127.0.0.1:{port}", num_channels=2, timeout_s=10, access=Access(ca=ca, cert=mine.cert, key=mine.key)
    )
    under_way = asyncio.create_task(client.generate(TURNS))
    await asyncio.sleep(0.2)
    theirs = renewed.sign("client")
    for source, target in ((renewed.pair.cert, ca), (theirs.cert, mine.cert), (theirs.key, mine.key)):
        shutil.copy(source, target)
    with pytest.raises(Unavailable):  # the old server knows nothing of the new authority
        await client.generate(TURNS)
    held.set()
    assert (await under_way).text == "Slowly."
    await running.stop(None)
    other = renewed.sign("server")
    new = ServerTls(cert=other.cert, key=other.key, client_ca=renewed.pair.cert)
    again, _ = await server.start(FunctionServicer(greet), port=port, tls=new)
    assert (await client.generate(TURNS)).text == "Hello."
    await client.close()
    await again.stop(None)


def test_files_that_do_not_serve_are_named_before_a_port_is_opened(authority, tmp_path):
    one, other = authority.sign("one"), authority.sign("other")
    (tmp_path / "empty").write_text("")
    locked = tmp_path / "locked.key"
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    locked.write_bytes(
        load_pem_private_key(one.key.read_bytes(), None).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    started = time.monotonic()
    for cert, key, error in [
        (one.cert, other.key, InvalidInput),
        (one.key, one.key, InvalidInput),
        (tmp_path / "empty", one.key, InvalidInput),
        (one.cert, locked, InvalidInput),
        (tmp_path / "missing", one.key, NotFound),
        (one.cert, tmp_path, InvalidInput),
    ]:
        with pytest.raises(error) as caught:
            ServerTls(cert=cert, key=key).credentials()
        assert "PRIVATE KEY" not in str(caught.value)
    with pytest.raises(InvalidInput, match="--tls-client-ca"):
        ServerTls(cert=one.cert, key=one.key, client_ca=one.key).credentials()
    assert time.monotonic() - started < 5  # a key with a passphrase asks nobody for it


@pytest.mark.parametrize("lacking", ["cert", "key"])
def test_half_of_a_client_certificate_is_refused(authority, lacking):
    pair = authority.sign("client")
    given = {"cert": pair.cert, "key": pair.key, lacking: None}
    with pytest.raises(EarwitnessError, match="come together"):
        Access(**given).credentials()
