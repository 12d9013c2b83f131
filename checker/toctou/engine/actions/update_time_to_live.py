"""UpdateTimeToLive: which attribute says when an item expires.  Nothing expires by itself here, as no time passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database
from toctou.engine.service_error import validation


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    table = database.managed_table(parameters)
    wanted = parameters["TimeToLiveSpecification"]
    name, enabled = wanted["AttributeName"], wanted["Enabled"]
    if not name:
        raise validation("TimeToLiveSpecification.AttributeName must be between 1 and 255 characters")
    current = table.description.get("TimeToLive")
    if current is not None and current != name:
        raise validation("TimeToLive is active on a different AttributeName: current AttributeName is " + current)
    if enabled == (current is not None):
        raise validation(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
    database.change_settings(table, TimeToLive=name if enabled else None)
    return {"TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": name}}


_REQUEST = """
UpdateTimeToLiveInput: TableName!=string>=1 TimeToLiveSpecification!=TimeToLiveSpecification
TimeToLiveSpecification: Enabled!=boolean AttributeName!=string>=1
"""

ACTION = Action("UpdateTimeToLive", Kind.MANAGES, _perform, _REQUEST)
