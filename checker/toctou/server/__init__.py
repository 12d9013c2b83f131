"""The embedded DynamoDB as an HTTP endpoint on loopback, for any SDK; see ``running``."""

from __future__ import annotations

from toctou.server.running import serve
from toctou.server.service import Service

__all__ = ["Service", "serve"]
