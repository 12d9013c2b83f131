"""DescribeLimits: the account's default quotas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  the registry's shape
    return {
        "AccountMaxReadCapacityUnits": 80000,
        "AccountMaxWriteCapacityUnits": 80000,
        "TableMaxReadCapacityUnits": 40000,
        "TableMaxWriteCapacityUnits": 40000,
    }


ACTION = Action("DescribeLimits", Kind.DESCRIBES, _perform, "DescribeLimitsInput:")
