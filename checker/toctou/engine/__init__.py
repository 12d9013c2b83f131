"""The embedded DynamoDB; see ``engine`` for what it decides."""

from __future__ import annotations

from toctou.engine.engine import Engine
from toctou.engine.footprints import footprint
from toctou.engine.schema import Schema
from toctou.engine.service_error import ServiceError
from toctou.engine.sources import Source

__all__ = ["Engine", "Schema", "ServiceError", "Source", "footprint"]
