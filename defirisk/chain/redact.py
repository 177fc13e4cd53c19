"""What may be shown of an endpoint and of what it says: its host, and text without its URL, keys or escapes."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from defirisk.chain.symbols import quoted
from defirisk.errors import InputError

QUOTED: Final = 200
_KEY_LENGTH: Final = 8
_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,16}")
_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'<>]+")


def check_url(url: str) -> str:
    """Return ``url`` if it can be an endpoint's.

    Raises:
        InputError: not http or https, or no host.

    """
    try:
        parts = urlsplit(url.strip())
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise InputError(
            "the endpoint's URL is not of the form http(s)://host/...", hint="websockets and IPC are not used"
        )
    return url.strip()


def host_of(url: str) -> str:
    """Return host and port: all that is ever shown or stored of an endpoint's URL."""
    parts = urlsplit(url)
    name = parts.hostname or "?"
    return name if parts.port is None else f"{name}:{parts.port}"


def clean(text: str, url: str) -> str:
    """Return what an endpoint said as one short line: no URL beyond its host, no key, no control characters."""
    for secret in _secrets(url):
        text = text.replace(secret, "***")
    text = _URL.sub(lambda found: _host_in_text(found[0]), text)
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 4 * QUOTED])
    line = " ".join(plain.split())
    return line if len(line) <= QUOTED else line[:QUOTED] + "..."


def described(value: object) -> str:
    """Say what an endpoint answered where it should not, without quoting what might be its own URL or key."""
    if isinstance(value, str) and len(value) >= _KEY_LENGTH and not _QUANTITY.fullmatch(value):
        return f"a text of {len(value):,} characters"
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    return quoted(value)


def _host_in_text(url: str) -> str:
    """Return the host of a URL found in text, or a stand-in where it has none."""
    try:
        return host_of(url)
    except ValueError:
        return "***"


def _secrets(url: str) -> list[str]:
    """Return every part of ``url`` that may be a key, as it stands there and decoded, the longest first."""
    parts = urlsplit(url)
    found = {parts.query, parts.username or "", parts.password or ""}
    found.update(value for _, value in parse_qsl(parts.query))
    found.update(piece for piece in parts.path.split("/") if len(piece) >= _KEY_LENGTH)
    found.update([unquote(one) for one in found])
    if parts.username or parts.password:
        found.update(_basic(parts.username or "", parts.password or ""))
    return sorted((one for one in found if one), key=len, reverse=True)


def _basic(user: str, password: str) -> list[str]:
    """Return what the header ``Authorization: Basic`` makes of them, without padding: anyone can turn it back."""
    pair = f"{unquote(user)}:{unquote(password)}"
    return [b64encode(pair.encode(kind, "replace")).decode().rstrip("=") for kind in ("latin-1", "utf-8")]
