"""The digest of a recording: over the canonical JSON (sorted keys, no spaces, UTF-8) without ``digest`` itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from defirisk.errors import DigestMismatch


class Seal:
    """The digest of a document, made while its calls go by: members of other names stand around them.

    It is over the canonical JSON: sorted keys, no spaces, UTF-8, without ``digest`` itself.
    """

    def __init__(self, head: Mapping[str, Any]) -> None:
        before, after = _around_calls(head)
        self._stated = head.get("digest")
        self._after = after
        self._hash = hashlib.sha256(before)
        self._between = b""

    def add(self, to: bytes, data: bytes, kind: bytes, answer: bytes) -> None:
        """The next call: its parts in lower-case hex without 0x, ``kind`` is ``result`` or ``error``."""
        self._hash.update(b'%b{"data":"0x%b","%b":"0x%b","to":"0x%b"}' % (self._between, data, kind, answer, to))
        self._between = b","

    def digest(self) -> str:
        """What ``digest`` says once all calls are added."""
        whole = self._hash.copy()
        whole.update(self._after)
        return "sha256:" + whole.hexdigest()

    def check(self, name: str) -> None:
        """Compare with what the document says of itself, if it says anything.

        Raises:
            DigestMismatch: it was changed after it was recorded.
        """
        check_digest(self._stated, self.digest(), name)


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the digest over the canonical JSON: sorted keys, no spaces, UTF-8, without ``digest`` itself."""
    bare = {key: value for key, value in document.items() if key != "digest"}
    return "sha256:" + hashlib.sha256(_canonical(bare)).hexdigest()


def _around_calls(head: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The canonical JSON of a document before its first call and behind its last."""
    bare = {key: value for key, value in head.items() if key not in {"digest", "calls"}}
    before, after = ({key: bare[key] for key in bare if (key < "calls") is early} for early in (True, False))
    opening, closing = _canonical(before)[:-1], _canonical(after)[1:]
    return opening + b"," * bool(before) + b'"calls":[', b"]" + b"," * bool(after) + closing


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")


def check_digest(stated: Any, actual: str, name: str) -> None:
    """Compare a document's digest with what it says of itself; ``None`` is not sealed.

    Raises:
        DigestMismatch: they differ.
    """
    if stated not in (None, actual):
        raise DigestMismatch(
            f"{name} does not fit its digest: it was changed after it was recorded",
            hint="record it again with `defirisk record`, or remove `digest` to use it as unsealed",
        )
