"""ListTagsOfResource: the tags of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toctou.engine.actions.action import describing
from toctou.engine.database import Database
from toctou.engine.tags import tagged, tags_of


def _perform(database: Database, parameters: Mapping[str, Any]) -> dict[str, Any]:
    table = tagged(database, parameters)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags_of(table).items()]}


ACTION = describing("ListTagsOfResource", _perform, "ListTagsOfResourceInput: ResourceArn!=string>=1 NextToken=string")
