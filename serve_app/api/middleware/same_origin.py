"""Which web pages may use the service: its own, and those of an allow-list; asked by a name that is its own.

A browser lets any page send requests to any address that it can reach, a service on loopback too. What gives such a
page away is its ``Origin``; and where it had its own name point here (DNS rebinding), the ``Host``. Programs send no
``Origin``. Knows nothing of keys: who sends one may still be somebody's browser.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.json_responses import error_response
from serve_app.errors import ForeignOrigin, UnknownHost
from serve_app.settings import Environment

READING: Final = ("GET", "HEAD")  # a page elsewhere may cause them, but not read the answer
HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{0,5})?", flags=re.ASCII)
CACHED_HOSTS: Final = 256
ANY: Final = "*"


@dataclass(frozen=True)
class Site:
    """Names that the service is asked by, beside those of loopback and addresses (None: any name), and the origins of
    pages elsewhere that may use it. All in lower case."""

    hosts: frozenset[str] | None = None
    origins: frozenset[str] = frozenset()


def build_site(environment: Environment, keys: ApiKeyStore, bound_to: str) -> Site:
    """What the environment says, and where it says nothing of hosts, what is safe.

    That is no check where there are keys, which a rebound page doesn't have, nor where the service listens for others
    than this machine, whose names for it nobody told us.
    """
    hosts: frozenset[str] | None = frozenset(environment.allowed_hosts)
    if ANY in environment.allowed_hosts or (not hosts and (keys or not is_loopback(bound_to))):
        hosts = None
    return Site(hosts, frozenset(environment.allowed_origins))


class SameOriginMiddleware:
    """ASGI middleware that rejects what a web page elsewhere would have a browser send: 403, before any upgrade."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._origins = site.origins
        self._knows = None if site.hosts is None else lru_cache(CACHED_HOSTS)(lambda host: is_known(host, site.hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            rejection = self._check(scope)
            if rejection is not None:
                await error_response(rejection, HTTPConnection(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> UnknownHost | ForeignOrigin | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host, origin = headers.get(b"host"), headers.get(b"origin")
        # Every browser names a host; who doesn't is a program.
        if self._knows is not None and host is not None and not self._knows(host):
            return UnknownHost(
                f"Host is {quote(host)}, expected localhost, an IP address or a name of HELEN_ALLOWED_HOSTS"
            )
        if origin is None or scope.get("method") in READING:
            return None
        given = origin.decode("latin-1").lower()
        # No page elsewhere can have X-Forwarded-Host sent: a browser asks beforehand, and is told no.
        own = [each.decode("latin-1").lower() for each in (host, headers.get(b"x-forwarded-host")) if each]
        if given in self._origins or given.partition("://")[2] in own:
            return None
        return ForeignOrigin(
            f"Origin is {quote(origin)}, expected a page of this service or an origin of HELEN_ALLOWED_ORIGINS"
        )


def is_known(host: bytes, names: frozenset[str] | None) -> bool:
    """Whether a ``Host`` is loopback's name, an address (nobody can have that point elsewhere) or one of ``names``."""
    found = HOST.fullmatch(host.decode("latin-1").lower())
    if found is None:
        return False
    name = found[1] or found[2].removesuffix(".")
    return (
        name in (names or ()) or name == "localhost" or name.endswith(".localhost") or parse_address(name) is not None
    )


def is_loopback(host: str) -> bool:
    """Whether who listens on this host is reached from this machine alone."""
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def parse_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a name is, where it is one."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def quote(value: bytes) -> str:
    """A header's value, to quote in a message."""
    return repr(value[:100].decode("latin-1"))
