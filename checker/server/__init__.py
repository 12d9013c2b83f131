"""The embedded DynamoDB as an HTTP endpoint on loopback, for any SDK; see ``running``."""

from __future__ import annotations

from checker.server.running import serve
from checker.server.service import Service

__all__ = ["Service", "serve"]
