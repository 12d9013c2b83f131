"""TagResource: add tags to a table, or change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database
from toctou.engine.service_error import validation
from toctou.engine.tags import set_tags, tagged, tags_of


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    table = tagged(database, parameters)
    added = parameters.get("Tags") or []
    if not added:
        raise validation("Atleast one Tag needs to be provided as Input.")
    if len({tag["Key"] for tag in added}) < len(added):
        raise validation("Duplicate tag keys are not permitted")
    set_tags(database, table, {**tags_of(table), **{tag["Key"]: tag["Value"] for tag in added}})
    return {}


ACTION = Action("TagResource", Kind.MANAGES, _perform, "TagResourceInput: ResourceArn!=string>=1 Tags!=[Tag]")
