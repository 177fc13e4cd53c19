"""A node behind a real HTTP endpoint that misbehaves on purpose.

with FaultyProxy(node_url) as proxy:
    proxy.fault = each(5, Drop())
"""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from tests.support.faulty_server import FaultyServer, Raw


class FaultyProxy(FaultyServer):
    """What the node answers, or a fault. ``most``: more bytes in a request are refused with 413."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self.node = urlsplit(node)
        self.most: int | None = None

    def reply(self, body: bytes) -> Raw:
        if self.most is not None and len(body) > self.most:
            return Raw(413, b"request entity too large")
        connection = http.client.HTTPConnection(self.node.hostname or "", self.node.port, timeout=60)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return Raw(200, connection.getresponse().read())
        finally:
            connection.close()
