"""The embedded DynamoDB; see ``engine`` for what it decides."""

from __future__ import annotations

from checker.engine.engine import Engine
from checker.engine.footprints import footprint
from checker.engine.schema import Schema
from checker.engine.service_error import ServiceError
from checker.engine.sources import Source

__all__ = ["Engine", "Schema", "ServiceError", "Source", "footprint"]
