"""The proxy through which an endpoint is reached: what the environment says, as other tools understand it.

``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in capitals or not. This machine itself is never asked
through a proxy. Nothing else is used: no ``.netrc``, so that no password goes where it was not meant.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from defirisk.chain.redact import host_of
from defirisk.errors import InputError

_SPOKEN: Final = ("http", "https")


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy for an endpoint's ``url``, ``None`` for none. It may hold a password.

    Raises:
        InputError: the environment names a proxy that cannot be used.

    """
    from urllib.request import getproxies_environment, proxy_bypass  # noqa: PLC0415 - late: 0.02 s

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies_environment()
    if not proxies or _is_here(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    named = proxies.get(parts.scheme) or proxies.get("all")
    return None if not named else _checked(named if "://" in named else f"http://{named}")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _checked(proxy: str) -> str:
    try:
        sound = urlsplit(proxy).scheme in _SPOKEN and host_of(proxy) != "?"
    except ValueError:
        sound = False
    if not sound:
        raise InputError(
            "the proxy that the environment names is not of the form http://host:port",
            hint="set HTTPS_PROXY and HTTP_PROXY to an HTTP proxy, or unset ALL_PROXY; SOCKS is not spoken",
        )
    return proxy
