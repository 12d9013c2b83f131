"""The embedded DynamoDB; see ``engine`` for what it decides."""

from __future__ import annotations

from toctou.engine.actions import ACTIONS, actions_of
from toctou.engine.actions.action import Action, Kind
from toctou.engine.division import MOST_STEPS, Division, joined, several
from toctou.engine.engine import Engine
from toctou.engine.footprints import footprint
from toctou.engine.schema import Schema
from toctou.engine.service_error import ServiceError
from toctou.engine.touched import LARGE

__all__ = [
    "ACTIONS",
    "LARGE",
    "MOST_STEPS",
    "Action",
    "Division",
    "Engine",
    "Kind",
    "Schema",
    "ServiceError",
    "actions_of",
    "footprint",
    "joined",
    "several",
]
