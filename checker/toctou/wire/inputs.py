"""What each action takes: the members of its request, their types, and which of them must be there.

Each action describes its request (``engine/actions``); here are the structures that several share.  The descriptions are our
own, because botocore's is at home in ``client/`` and costs most of a second to load; a test holds one to the other.  Source:
the service's description of itself (``service-2.json``, version 2012-08-10).

Notation: ``string``, ``integer``, ``long``, ``boolean``, ``blob`` or a structure's name; ``[…]`` a list, ``{…}`` a map from
strings; ``!`` must be there; ``!!`` likewise, and its absence is reported before any other fault; ``>=1`` the smallest value or
length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from toctou.engine import ACTIONS
from toctou.wire.shapes import AttributeValue, Binary, ListOf, MapOf, Shape, Structure, Text, Truth, Whole

_SHARED = """
AttributeDefinition: AttributeName!=string>=1 AttributeType!=string
AttributeValue: S=string N=string B=blob SS=[string] NS=[string] BS=[blob] M={AttributeValue} L=[AttributeValue]
  NULL=boolean BOOL=boolean
Condition: AttributeValueList=[AttributeValue] ComparisonOperator!=string
ExpectedAttributeValue: Value=AttributeValue Exists=boolean ComparisonOperator=string
  AttributeValueList=[AttributeValue]
KeySchemaElement: AttributeName!=string>=1 KeyType!=string
OnDemandThroughput: MaxReadRequestUnits=long MaxWriteRequestUnits=long
Projection: ProjectionType=string NonKeyAttributes=[string>=1]>=1
ProvisionedThroughput: ReadCapacityUnits!=long>=1 WriteCapacityUnits!=long>=1
SSESpecification: Enabled=boolean SSEType=string KMSMasterKeyId=string
StreamSpecification: StreamEnabled!=boolean StreamViewType=string
Tag: Key!=string>=1 Value!=string>=0
WarmThroughput: ReadUnitsPerSecond=long WriteUnitsPerSecond=long
"""

_TYPE = re.compile(r"(?:\[(?P<element>.*)\]|\{(?P<value>.*)\}|(?P<name>\w+))(?:>=(?P<minimum>\d+))?")
_SCALARS: Mapping[str, Callable[[int | None], Shape]] = {
    "blob": Binary,
    "boolean": Truth,
    "integer": partial(Whole, "Integer"),
    "long": partial(Whole, "Long"),
    "string": Text,
}


def structures_of(table: str) -> dict[str, Structure]:
    """All structures of a table in the notation above; raises ``ValueError`` outside it."""
    rows: dict[str, list[str]] = {}
    for row in re.sub(r"\n  ", " ", table).strip().splitlines():
        name, _, members_text = row.partition(":")
        rows[name] = members_text.split()
    structures = {name: AttributeValue(name) if name == "AttributeValue" else Structure(name) for name in rows}
    for name, members in rows.items():
        for member in members:
            label, _, text = member.partition("=")
            member_name = label.rstrip("!")
            structures[name].members[member_name] = _shape(text, structures)
            if label.endswith("!!"):
                structures[name].demanded.append(member_name)
            if label.endswith("!"):
                structures[name].required.append(member_name)
    return structures


def _shape(text: str, structures: Mapping[str, Structure]) -> Shape:
    found = _TYPE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not in the notation")
    minimum = None if found["minimum"] is None else int(found["minimum"])
    if found["element"] is not None:
        return ListOf(_shape(found["element"], structures), minimum)
    if found["value"] is not None:
        return MapOf(_shape(found["value"], structures), minimum)
    make = _SCALARS.get(found["name"])
    return structures[found["name"]] if make is None else make(minimum)


STRUCTURES: Mapping[str, Structure] = MappingProxyType(
    structures_of(_SHARED + "".join(f"{action.request.strip()}\n" for action in ACTIONS.values()))
)
"""Every structure by its name."""

INPUTS: Mapping[str, Structure] = MappingProxyType(
    {name: STRUCTURES[action.request.partition(":")[0].strip()] for name, action in ACTIONS.items()}
)
"""What each action takes, by the action's name."""
