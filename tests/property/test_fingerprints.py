"""Fingerprints of causes outlive every edit that does not touch the race, and tell different causes apart.

A service is written in random layouts, in folders of its own, and checked; what stays is what the calls say.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toctou.checking.check import check
from toctou.declaration.loading import load
from toctou.reporting.run_document import documents
from toctou.search.options import Options

HEAD = """\
import boto3

{comment}table = boto3.resource("dynamodb", region_name="eu-central-1").Table("Notes")


class Store:
    def get(self, note_id):
        return {get}

    def put(self, note):
        {put}


store = Store()
"""
HANDLERS = {
    "rename": """
{comment}def rename(caller, note_id):
{blank}    {local} = store.get(note_id)
    if {local} is None or {local}["owner"] != caller:
        return 403
    store.put({{**{local}, "name": "new"}})
    return 200
""",
    "remove": """
def remove(caller, note_id):
    note = table.get_item(Key={{"id": note_id}}).get("Item")
    {unused} = 1
    if note is None or note["owner"] != caller:
        return 403
{blank}    {delete}
    return 204
""",
    "give": """
def give(caller, note_id):
    note = store.get(note_id)
    if note is None or note["owner"] != caller:
        return 403
    {update}
    return 200
""",
}
MODEL = '''
from toctou import Model, Table, handler


class Notes(Model):
    """Notes that are renamed, removed and given away."""

    tables = [Table("Notes", "id")]
    items = {{"Notes": [{{"id": "n1", "owner": "{owner}", "name": "old"}}]}}
    principals = ("{owner}", "{other}")
    owner = "owner"
{declared}
'''
OTHER_MODEL = '''

class Empty(Notes):
    """Another one of the same file."""

    items = {"Notes": []}
'''

LAYOUTS = {
    "get": [
        'table.get_item(Key={"id": note_id}).get("Item")',
        "table.get_item(Key={'id': note_id}).get('Item')",
        'table.get_item(\n            Key={"id": note_id},  # the key\n        ).get("Item")',
        '(\n            table\n            .get_item(Key={"id": note_id})\n            .get("Item")\n        )',
    ],
    "put": [
        "table.put_item(Item=note)",
        "table.put_item(\n            Item=note,\n        )",
        "(table.put_item(Item=note))",
    ],
    "delete": [
        'table.delete_item(Key={"id": note_id})',
        "table.delete_item(\n        Key={\n            'id': note_id,\n        }\n    )",
        'removed = table.delete_item(Key={"id": note_id})',
    ],
    "update": [
        'table.update_item(Key={"id": note_id}, UpdateExpression="SET #o = :o", '
        'ExpressionAttributeNames={"#o": "owner"}, ExpressionAttributeValues={":o": "zoe"})',
        'table.update_item(\n        Key={"id": note_id},\n        UpdateExpression="SET " "#o = :o",\n'
        '        ExpressionAttributeNames={"#o": "owner"},\n        ExpressionAttributeValues={":o": "zoe"},\n    )',
    ],
}
PLAIN = {
    "comment": "",
    "blank": "",
    "local": "note",
    "unused": "unused",
    **{name: one[0] for name, one in LAYOUTS.items()},
}
_numbers = itertools.count()


def fingerprints(folder: Path, monkeypatch, *, order=tuple(HANDLERS), owner="alice", other=True, below="", **layout):
    """By handler, those of what is found in a service that is written like that, where it is checked from another folder."""
    project = folder / f"project{next(_numbers)}"
    home = project / below
    home.mkdir(parents=True)
    parts = {**PLAIN, **layout}
    code = HEAD.format(**parts) + "\n".join(HANDLERS[name].format(**parts) for name in order)
    declared = "\n".join(f'    {name} = handler({name}, note_id=["n1"])' for name in order)
    model = MODEL.format(owner=owner, other="bob" if owner != "bob" else "carol", declared=declared)
    (home / "notes.py").write_text(code + model + (OTHER_MODEL if other else ""), encoding="utf-8")
    monkeypatch.chdir(project)
    path = [*sys.path]
    try:
        loaded = load([f"{Path(below) / 'notes.py'}:Notes"])
        run, _ = documents(check(loaded, Options(confirm=False)))
    finally:
        sys.path[:] = path
        sys.modules.pop("notes", None)
    found: dict[str, set[str]] = {}
    for one in run["findings"]:
        found.setdefault(one["handler"], set()).add(one["fingerprint"])
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return fingerprints(tmp_path_factory.mktemp("plain"), patch)


layouts = st.fixed_dictionaries(
    {
        **{name: st.sampled_from(written) for name, written in LAYOUTS.items()},
        "comment": st.sampled_from(["", "# moved\n\n", '"""A text."""\n\n\n\n']),
        "blank": st.sampled_from(["", "\n", "    # a comment\n", "    waited = 0\n"]),
        "unused": st.sampled_from(["unused", "count", "_"]),
        "order": st.permutations(list(HANDLERS)).map(tuple),
        "owner": st.sampled_from(["alice", "carol", "u-1"]),
        "other": st.booleans(),
        "below": st.sampled_from(["", "service", "deep/er"]),
    }
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(layout=layouts)
def test_no_edit_elsewhere_changes_a_fingerprint(layout, plain, tmp_path, monkeypatch):
    assert set(plain) == set(HANDLERS)
    assert fingerprints(tmp_path, monkeypatch, **layout) == plain


def test_different_causes_have_different_fingerprints(plain):
    every = [one for found in plain.values() for one in found]
    assert len(every) == len(set(every)) >= 3


@pytest.mark.parametrize(
    ("changed", "handlers"),
    [
        ({"get": 'table.get_item(Key={"id": str(note_id)}).get("Item")'}, {"rename", "give"}),
        ({"put": "table.put_item(Item=dict(note))"}, {"rename"}),
        ({"delete": 'table.delete_item(Key={"id": note["id"]})'}, {"remove"}),
        ({"local": "read"}, {"rename"}),  # what is written is named in the call
    ],
    ids=["get", "put", "delete", "local"],
)
def test_an_edit_of_a_call_changes_the_fingerprints_of_its_causes_only(changed, handlers, plain, tmp_path, monkeypatch):
    found = fingerprints(tmp_path, monkeypatch, **changed)
    assert {name for name in HANDLERS if found[name] != plain[name]} == handlers
