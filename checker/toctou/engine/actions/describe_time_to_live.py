"""DescribeTimeToLive: which attribute says when an item expires, if one does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    name = database.managed_table(parameters).description.get("TimeToLive")
    if name is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": name}}


ACTION = Action("DescribeTimeToLive", Kind.DESCRIBES, _perform, "DescribeTimeToLiveInput: TableName!!=string>=1")
