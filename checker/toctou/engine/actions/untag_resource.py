"""UntagResource: remove tags from a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database
from toctou.engine.service_error import validation
from toctou.engine.tags import set_tags, tagged, tags_of


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    table = tagged(database, parameters)
    removed = parameters.get("TagKeys") or []
    if not removed:
        raise validation("Atleast one Tag Key needs to be provided as Input.")
    set_tags(database, table, {key: value for key, value in tags_of(table).items() if key not in removed})
    return {}


_REQUEST = "UntagResourceInput: ResourceArn!=string>=1 TagKeys!=[string>=1]"

ACTION = Action("UntagResource", Kind.MANAGES, _perform, _REQUEST)
