"""DescribeEndpoints: where the service is to be found; for clients that look before they call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database
from toctou.engine.table_descriptions import REGION

_MINUTES_KEPT = 1440


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  the registry's shape
    return {"Endpoints": [{"Address": f"dynamodb.{REGION}.amazonaws.com", "CachePeriodInMinutes": _MINUTES_KEPT}]}


ACTION = Action("DescribeEndpoints", Kind.DESCRIBES, _perform, "DescribeEndpointsRequest:")
