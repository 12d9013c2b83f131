"""Mistakes in a model are told by every command before anything runs, and a request that fails alone is told as that."""

from __future__ import annotations

import json
import sys

import pytest
from written_models import FIXED, HEAD

from toctou import check
from toctou.declaration.loading import load
from toctou.errors import ModelError
from toctou.stateful import machine

TWO = FIXED.replace('    principals = ("alice",)', '    principal = "alice"\n    ignored = {}')
LINES = (
    "the attribute 'principal', which means nothing to the checker; did you mean `principals`?",
    "did you mean `ignore`?",
)

ALONE = (
    HEAD
    + '''

def stored(context):
    return context["user"]


class Alone(OfNotes):
    """Calls what it needs with nothing."""

    @handler()
    def fails(self, principal):
        stored({})

    @handler()
    def wrong_key(self, principal):
        notes.get_item(Key={"id": "n1"})

    @handler()
    def racy(self, principal):
        note = notes.get_item(Key={"note_id": "n1"})["Item"]
        notes.put_item(Item={**note, "count": note["count"] + 1})
'''
)


def test_check_tells_all_of_them(folder, command):
    (folder / "model.py").write_text(TWO)
    ended = command("check", "model.py")
    assert ended.status == 2, ended
    assert "the model Fixed has 2 mistakes:" in ended.err
    for line in LINES:
        assert line in ended.err
    assert ended.out == "", "nothing was run"


def test_replay_tells_them(folder, command):
    (folder / "model.py").write_text(ALONE)
    assert command("check", "model.py").status == 1
    (folder / "model.py").write_text(ALONE.replace('principals = ("alice",)', 'principal = "alice"'))
    load_again()
    report = sorted((folder / "reports/latest").glob("*-1.json"))[0]
    ended = command("replay", report)
    assert (ended.status, "did you mean `principals`?" in ended.err) == (2, True), ended


def load_again():
    sys.modules.pop("model", None)


def test_scan_the_fixture_and_the_machine_tell_them(folder, command, monkeypatch):
    (folder / "model.py").write_text(TWO)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "n", "version": "1"},
        "paths": {"/n": {"post": {"operationId": "increment"}}},
    }
    (folder / "api.json").write_text(json.dumps(document))
    ended = command("scan", "api.json", "--model", "model.py:Fixed")
    assert (ended.status, "has 2 mistakes" in ended.err) == (2, True), ended
    load_again()
    (loaded,) = load(["model.py:Fixed"])
    for use in (check, machine):
        with pytest.raises(ModelError, match="has 2 mistakes"):
            use(loaded.model)


def test_a_request_that_fails_alone_is_told_once_and_the_others_go_on(folder, command):
    (folder / "model.py").write_text(ALONE)
    ended = command("check", "model.py")
    assert ended.status == 1, ended
    run = json.loads((folder / "reports/latest/run.json").read_text())
    found = {finding["handler"]: finding for finding in run["findings"]}
    assert len(found) == len(run["findings"]) == 3, "each once"
    assert {name: one["anomaly"] for name, one in found.items()} == {
        "fails": "fails_alone",
        "wrong_key": "fails_alone",
        "racy": "lost_update",
    }
    assert [line["function"] for line in found["fails"]["traceback"]] == ["Alone.fails", "stored"]
    assert "correct stored in model.py, or what Alone.fails in model.py calls it with" in found["fails"]["remedy"]
    assert "uses the key id: The provided key element does not match" in found["wrong_key"]["remedy"]
    assert "fails: fails alone, which is no race" in ended.out
    assert 'in stored: return context["user"]' in ended.out
    log = json.loads(command("report", "reports/latest", "--format", "sarif").out)
    stacks = [result["stacks"] for result in log["runs"][0]["results"] if "stacks" in result]
    assert len(stacks) == 2
    of_fails = next(one for one in found["fails"]["scenarios"])
    page = (folder / "reports/latest" / of_fails["report"]).with_suffix(".html").read_text()
    assert "Why this is no race" in page
    assert ", in Alone.fails" in page


REFUSED_CALLS = [
    (
        'Table("Notes", "note_id", index={"by-owner": ("owner",)})',
        "did you mean indexes=…? It is called as Table(name, ",
    ),
    ('Table("Notes")', "remedy: It is called as Table(name, partition, sort=None, *, indexes=None, definition=None)"),
    ('route("GET", "/notes")', "remedy: It is called as route(request, /, *, body=None, form=None, headers=None"),
    ('handler(print, ["n1"])', "remedy: It is called as handler(function=None, /, *, principals=None, read_only=False"),
    ("invariant(print, when='end')", "remedy: It is called as invariant(predicate=None, /, *, at='end')"),
]


@pytest.mark.parametrize(("call", "remedy"), REFUSED_CALLS)
def test_a_declaration_with_other_arguments_says_how_it_is_called(folder, command, call, remedy):
    (folder / "model.py").write_text(f"from toctou import Table, handler, invariant, route\n\nWRONG = {call}\n")
    ended = command("check", "model.py")
    assert ended.status == 2, ended
    assert f"at model.py:3: WRONG = {call}" in ended.err
    assert remedy in ended.err


def test_a_function_of_the_users_by_that_name_is_the_users(folder, command):
    (folder / "model.py").write_text("def handler(event, context): ...\n\n\nhandler()\n")
    ended = command("check", "model.py")
    assert (ended.status, "It is called as" in ended.err) == (2, False), ended
