"""ListTagsOfResource: the tags of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import Action, Kind
from toctou.engine.database import Database
from toctou.engine.tags import tagged, tags_of


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    table = tagged(database, parameters)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags_of(table).items()]}


_REQUEST = "ListTagsOfResourceInput: ResourceArn!=string>=1 NextToken=string"

ACTION = Action("ListTagsOfResource", Kind.DESCRIBES, _perform, _REQUEST)
