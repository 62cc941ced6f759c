"""One file over https, from hosts that are allowed, and never from the private network.

A name is resolved once, its addresses are checked, and the connection goes to a checked one: a name that gives another
address the second time (DNS rebinding) gains nothing. Redirects are followed a few times, each under the same checks.
No proxy is used, since a proxy resolves names where nobody checks. The module knows nothing of audio.
"""

import ipaddress
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from earwitness import __version__
from earwitness.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_REDIRECTS = 3
_CHUNK_BYTES = 1 << 16
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


@dataclass(frozen=True, kw_only=True, slots=True)
class Web:
    """Which files may be fetched, and how large and slow they may be."""

    hosts: tuple[str, ...]
    """Names such as `clips.example.org`, `*.example.org` for all under it, or `clips.example.org:8443`."""
    networks: tuple[str, ...] = ()
    """Private networks, such as `10.1.0.0/16`, in which these hosts may be."""
    max_bytes: int
    timeout_s: float

    async def fetch(self, url: str, field: str) -> bytes:
        """Returns the file at an https URL.

        Raises:
            InvalidInput: the URL, or what it redirects to, is not allowed, or the file is too large.
            NotFound: the host has no such file, or gives it to nobody without credentials.
            Unavailable: the host does not answer, or answers with an error of its own.
            DeadlineExceeded: the file did not arrive in time.
        """
        import asyncio

        import aiohttp

        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._follow(url, field)
        except TimeoutError:
            raise DeadlineExceeded(f"did not arrive within {self.timeout_s:g} s", field) from None
        except aiohttp.ClientConnectorCertificateError:
            raise InvalidInput("has a certificate that does not hold", field, "check the host's name") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"cannot be fetched: {type(error).__name__}", field) from None

    async def _follow(self, url: str, field: str) -> bytes:
        import aiohttp

        connector = aiohttp.TCPConnector(resolver=self._resolver(field), ssl=ssl.create_default_context())
        headers = {"Accept-Encoding": "identity", "User-Agent": f"earwitness/{__version__}"}
        async with aiohttp.ClientSession(
            connector=connector, headers=headers, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            for _ in range(1 + MAX_REDIRECTS):
                self.check(url, field)
                async with session.get(url, allow_redirects=False) as response:
                    if response.status not in _REDIRECTS:
                        return await self._body(response, field)
                    url = urljoin(url, response.headers.get("Location", ""))
        raise InvalidInput(f"redirects more than {MAX_REDIRECTS} times", field, "send the address that it ends at")

    async def _body(self, response: Any, field: str) -> bytes:
        if response.status in (401, 403, 404, 410):
            raise NotFound(f"is not to be had: the host answers {response.status}", field, "check the address")
        if response.status != 200:
            raise Unavailable(f"the host answers {response.status}", field)
        body = bytearray()
        if (response.content_length or 0) <= self.max_bytes:
            async for part in response.content.iter_chunked(_CHUNK_BYTES):
                body += part
                if len(body) > self.max_bytes:
                    break
            else:
                return bytes(body)
        raise InvalidInput(f"is a file of over {self.max_bytes >> 20} MiB", field, "send a shorter or compressed clip")

    def check(self, url: str, field: str) -> None:
        """Raises InvalidInput for a URL that is not https, holds credentials, or names a host that is not allowed."""
        try:
            parts = urlsplit(url)
            port = parts.port or 443
        except ValueError:
            raise InvalidInput("is no URL", field) from None
        if parts.scheme != "https" or "@" in parts.netloc or not parts.hostname:
            raise InvalidInput("is no https URL of a host without credentials", field, "send https://HOST/PATH")
        if not any(_matches(allowed, parts, port) for allowed in self.hosts):
            remedy = "add the host to sources.hosts, or send the bytes"
            raise InvalidInput(f"{parts.hostname[:100]} is no host that this server reads from", field, remedy)
        try:
            literal = ipaddress.ip_address(parts.hostname)
        except ValueError:
            return
        self._require_public([literal], field)  # aiohttp asks no resolver for these

    def _require_public(self, addresses: Iterable[Address], field: str) -> None:
        allowed = [ipaddress.ip_network(network) for network in self.networks]
        if not any(is_public(address, allowed) for address in addresses):
            remedy = "if it is meant to be read, add its network to sources.networks"
            raise InvalidInput("is in the private network of this server", field, remedy)

    def _resolver(self, field: str) -> Any:
        """Returns an aiohttp resolver that gives the addresses that may be connected to, and no other."""
        from aiohttp.abc import AbstractResolver
        from aiohttp.resolver import ThreadedResolver

        web = self
        allowed = [ipaddress.ip_network(network) for network in self.networks]

        class Checked(AbstractResolver):
            async def resolve(
                self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
            ) -> "list[ResolveResult]":
                found = await ThreadedResolver().resolve(host, port, family)
                addresses = [ipaddress.ip_address(result["host"].partition("%")[0]) for result in found]
                web._require_public(addresses, field)
                return [one for one, ip in zip(found, addresses, strict=True) if is_public(ip, allowed)]

            async def close(self) -> None:
                """Holds nothing."""

        return Checked()


def is_public(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Returns whether an address, and the one inside it if it carries one, is on the internet or in `allowed`."""
    if any(address.version == network.version and address in network for network in allowed):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner, allowed)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _matches(allowed: str, parts: SplitResult, port: int) -> bool:
    name, _, allowed_port = allowed.lower().partition(":")
    host = cast(str, parts.hostname).rstrip(".")
    if port != int(allowed_port or 443):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
