import json
from dataclasses import replace
from pathlib import Path

import pytest
from bare_documents import run_document
from sample_reports import ITEM, KEY, MODEL, make_execution, make_model, make_run, make_violation, stored

from toctou.history.footprint import ALL, EXISTENCE, Footprint, IndexKey, KeyRange
from toctou.history.item import Change, ItemId
from toctou.history.operation import ErrorResponse, Operation
from toctou.history.request import HandlerException, Request, Response, SourceLine
from toctou.reporting import summary
from toctou.reporting.document import FORMAT, violation_document
from toctou.reporting.encoding import decode
from toctou.reporting.model_names import portable_target
from toctou.reporting.registry import rendered


def test_the_run_document_has_the_published_shape(run):
    document = run_document(run)
    assert (document["kind"], document["format"], document["requests"]) == ("run", FORMAT, 2)
    model = document["models"][0]
    assert {name: model[name] for name in ("model", "verdict", "schedules", "seconds")} == {
        "model": MODEL,
        "verdict": "VIOLATED",
        "schedules": 3,
        "seconds": 0.1,
    }
    (scenario,) = model["scenarios"]
    assert scenario["requests"] == [
        "alice: delete_item(item_id='i1')",
        "alice: transfer(item_id='i1', to='bob')",
    ]
    assert (scenario["stop_reason"], scenario["schedules"], scenario["interleavings"]) == (None, 3, 6)
    (violation,) = scenario["violations"]
    assert violation["oracle"] == "ownership"
    assert violation["anomaly"] == "toctou"
    assert violation["schedule"].startswith("t1:A.A.B.B.A:")
    assert violation["explanation"].startswith("alice's delete_item deleted Items[i1]")
    assert violation["report"] == "delete_item.ReadThenDelete-1.json"
    assert document["models"][1]["scenarios"][0]["stop_reason"] == "max_schedules"


def test_operations_are_named_by_letter_and_number_everywhere(violation):
    document = violation_document(MODEL, violation)
    assert [step["name"] for step in document["steps"]] == ["A.1", "B.1", "A.2"]
    explanation = document["explanation"]
    assert [(edge["kind"], edge["earlier"], edge["later"]) for edge in explanation["cycle"]] == [
        ("rw", "A.1", "B.1"),
        ("ww", "B.1", "A.2"),
    ]
    assert explanation["closest"]["order"] == ["B", "A"]
    assert document["finding"]["operations"] == ["A.2"]
    assert [step["wrong"] for step in document["steps"]] == [False, False, True]


def test_steps_say_in_one_line_what_happened(violation):
    assert [step["summary"] for step in violation_document(MODEL, violation)["steps"]] == [
        "GetItem Items[i1] → owner 'alice'",
        "UpdateItem Items[i1] owner 'alice' → 'bob'",
        "DeleteItem Items[i1] deleted (owner 'bob')",
    ]


def test_images_before_and_after_are_kept_whole(violation):
    update = violation_document(MODEL, violation)["steps"][1]
    assert update["changes"] == [{"item": "Items[i1]", "before": stored("alice"), "after": stored("bob")}]


def test_metadata_that_differs_from_run_to_run_is_left_out(violation):
    assert "ResponseMetadata" in violation.execution.operations[0].result
    assert "ResponseMetadata" not in json.dumps(violation_document(MODEL, violation))


def test_the_same_violation_gives_the_same_document_and_no_absolute_path(violation, tmp_path, monkeypatch):
    execution = violation.execution
    monkeypatch.chdir(tmp_path)
    inside = SourceLine(str(tmp_path / "app" / "handlers.py"), 3, "f", "x")
    library = SourceLine("/usr/lib/python3/site-packages/boto3/crt.py", 4, "g", "y")
    elsewhere = SourceLine("/home/somebody/secret/project/handlers.py", 5, "h", "z")
    operations = tuple(
        replace(one, source=source)
        for one, source in zip(execution.operations, (inside, library, elsewhere), strict=True)
    )
    moved = replace(violation, execution=replace(execution, operations=operations))
    target = f"{tmp_path}/models/delete_item.py:ReadThenDelete"
    document = violation_document(target, moved, report=tmp_path / "reports" / "x-1.json")
    assert [step["source"]["file"] for step in document["steps"]] == [
        "app/handlers.py",
        "boto3/crt.py",
        "…/project/handlers.py",
    ]
    assert document["model"] == "models/delete_item.py:ReadThenDelete"
    assert document["replay"] == "toctou replay reports/x-1.json"
    assert str(tmp_path) not in json.dumps(document)
    assert violation_document(target, moved) == violation_document(target, moved)


def test_a_replay_command_can_be_pasted_even_if_the_directory_has_a_space(violation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = violation_document(MODEL, violation, report=Path("my reports/x-1.json"))
    assert document["replay"] == "toctou replay 'my reports/x-1.json'"


def test_targets_that_are_relative_or_modules_stay_as_they_are():
    assert portable_target(MODEL) == MODEL
    assert portable_target("package.module:Model") == "package.module:Model"


def test_binary_arguments_and_bodies_survive_the_round_trip(violation):
    execution = replace(
        violation.execution,
        requests=(Request.of("alice", "put", {"blob": b"\x00", "tags": frozenset({"a"})}), Request("bob", "other")),
        responses=(Response(200, b"\xff"), Response(500, None, HandlerException("KeyError", "'x'", None))),
    )
    document = json.loads(json.dumps(violation_document(MODEL, replace(violation, execution=execution))))
    assert decode(document["requests"][0]["arguments"]) == {"blob": b"\x00", "tags": frozenset({"a"})}
    assert decode(document["responses"][0]["body"]) == b"\xff"
    assert document["responses"][1]["exception"] == {"type": "KeyError", "message": "'x'", "source": None}


def test_a_violation_of_outcome_alone_needs_neither_witness_nor_serial_order(violation):
    finding = replace(violation.finding, operations=(), closest=None)
    explanation = replace(violation.explanation, cycle=(), edges=(), witness=())
    document = violation_document(MODEL, replace(violation, finding=finding, explanation=explanation))
    assert document["explanation"]["closest"] is None
    assert not any(step["witness"] or step["wrong"] for step in document["steps"])


def test_names_of_files_follow_the_models_and_never_collide():
    models = [
        make_model(make_violation(), make_violation()),
        make_model(make_violation(), model="other/delete_item.py:ReadThenDelete"),
        make_model(make_violation(), model="app.handlers:Put"),
        make_model(make_violation(), model="app.handlers:Put"),
        make_model(make_violation(), model="app.handlers:put"),
    ]
    document = run_document(make_run(*models))
    names = [
        one["report"]
        for model in document["models"]
        for scenario in model["scenarios"]
        for one in scenario["violations"]
    ]
    assert names == [
        "models.delete_item.ReadThenDelete-1.json",
        "models.delete_item.ReadThenDelete-2.json",
        "other.delete_item.ReadThenDelete-1.json",
        "app.handlers.Put-1.json",
        "app.handlers.Put~2-1.json",
        "app.handlers.put~3-1.json",
    ]


NOTHING: summary.Focus = {}
DELETE = Operation(0, 0, "DeleteItem", KEY, {}, footprint=Footprint(reads={ITEM: frozenset({""})}))


@pytest.mark.parametrize(
    ("operation", "target", "outcome"),
    [
        (DELETE, "Items[i1]", "changed nothing"),
        (
            replace(DELETE, result=None, error=ErrorResponse("ConditionalCheckFailedException", "The conditional …")),
            "Items[i1]",
            "failed: ConditionalCheckFailedException",
        ),
        (
            replace(DELETE, action="GetItem", result={}),
            "Items[i1]",
            "→ no item",
        ),
        (
            Operation(0, 0, "PutItem", {"TableName": "Items"}, {},
                      footprint=Footprint(writes={ITEM: frozenset({"*"})}),
                      changes=(Change(ITEM, None, stored("bob", "a" * 40)),)),
            "Items[i1]",
            f"created data '{'a' * 30}…, owner 'bob', version 1",
        ),
        (
            Operation(0, 0, "Query", {}, {"Items": [{}, {}], "Count": 2},
                      footprint=Footprint(ranges=(KeyRange("Items", ("S", "u1")),))),
            "Items[u1, *]",
            "→ 2 items",
        ),
        (
            Operation(0, 0, "Scan", {"TableName": "Items"}, {"Count": 0}),
            "Items",
            "→ count 0",
        ),
        (
            Operation(0, 0, "TransactWriteItems",
                      {"TransactItems": [{"Delete": KEY}, {"Put": {"TableName": "Log", "Item": {}}}]}, None,
                      error=ErrorResponse("TransactionCanceledException", "…",
                                          {"CancellationReasons": [{"Code": "ConditionalCheckFailed"}, {}]})),
            "Delete Items[i1], Put Log",
            "failed: TransactionCanceledException [ConditionalCheckFailed, None]",
        ),
        (
            Operation(0, 0, "TransactWriteItems", {}, {},
                      changes=(Change(ITEM, stored("bob"), None),
                               Change(ItemId("Log", (("N", "7"),)), None, {"id": {"N": "7"}, "what": {"S": "x"}}))),
            "",
            "Items[i1] deleted (data 'draft', owner 'bob', version 1); Log[7] created what 'x'",
        ),
        (
            Operation(0, 0, "TransactGetItems", {}, {"Responses": [{"Item": {"owner": {"S": "bob"}}}, {}]}),
            "",
            "→ owner 'bob'; no item",
        ),
    ],
)  # fmt: skip
def test_wording_of_other_operations(operation, target, outcome):
    assert summary.target(operation) == target
    assert summary.outcome(operation, NOTHING) == outcome


def test_control_and_direction_characters_are_shown_as_escapes():
    item = ItemId("Items", (("S", "\x1b[2J\u202e"),))
    operation = Operation(0, 0, "GetItem", {}, {}, footprint=Footprint(reads={item: frozenset()}))
    assert summary.target(operation) == r"Items[\x1b[2J\u202e]"
    assert summary.visible("a\nb\x00", keep="\n") == "a\nb\\x00"


def test_the_attributes_that_the_explanation_argues_with_push_the_others_out():
    execution = make_execution()
    assert summary.outcome(execution.operations[0], NOTHING) == "→ data 'draft', owner 'alice', version 1"
    focus = {str(ITEM): frozenset({"owner"})}
    assert summary.outcome(execution.operations[0], focus) == "→ owner 'alice'"


def watched(violation, accessed):
    """The sample, whose GetItem was looked at like this."""
    first, *others = violation.execution.operations
    execution = replace(violation.execution, operations=(replace(first, accessed=accessed), *others))
    return violation_document(MODEL, replace(violation, execution=execution))


def test_what_was_looked_at_stands_with_its_step(violation):
    accessed = {None: frozenset({EXISTENCE}), ITEM: frozenset({EXISTENCE, "owner"})}
    steps = watched(violation, accessed)["steps"]
    assert steps[0]["looked_at"] == [{"item": "Items[i1]", "attributes": ["its existence", "owner"], "by": "handler"}]
    assert steps[1]["looked_at"] == [{"item": "Items[i1]", "attributes": ["item_id", "owner"], "by": "condition"}]
    assert steps[2]["looked_at"] is None
    assert watched(violation, {})["steps"][0]["looked_at"] == []
    assert watched(violation, {ITEM: frozenset({ALL, "n"})})["steps"][0]["looked_at"][0]["attributes"] == [
        "every attribute"
    ]


def test_every_zoom_level_of_a_step_shows_what_was_looked_at(violation):
    document = watched(violation, {ITEM: frozenset({EXISTENCE, "owner"})})
    assert "    accessed its existence, owner of Items[i1]" in rendered(document, "detail")
    assert "<dt>handler accessed</dt><dd>its existence, owner of Items[i1]</dd>" in rendered(document, "html")


def test_where_a_report_is_stored_says_from_where_its_model_is_named(violation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = violation_document(MODEL, violation, report=Path("reports/latest/x-1.json"))
    assert (document["home"], document["run"]) == ("../..", "")
    assert violation_document(MODEL, violation)["home"] == ""


def test_a_read_through_an_index_names_it():
    entries = KeyRange("Items", ("S", "a@x"), index=IndexKey("by-email", (("email", "S"),)))
    operation = Operation(
        0, 0, "Query", {"IndexName": "by-email"}, {"Items": []}, footprint=Footprint(ranges=(entries, entries))
    )
    assert summary.target(operation) == "Items.by-email['a@x']"


def test_what_is_written_over_the_same_is_told_as_a_write():
    put = Operation(0, 0, "PutItem", {}, {}, footprint=Footprint(writes={ITEM: frozenset({"*"})}))
    same = summary.outcome(put, {"Items[i1]": frozenset({"owner"})}, stored("bob", "x"))
    assert same == "wrote owner 'bob' (unchanged)"
    update = replace(put, action="UpdateItem", footprint=Footprint(writes={ITEM: frozenset({"data"})}))
    assert summary.outcome(update, NOTHING, stored("bob", "x")) == "wrote data 'x' (unchanged)"


def test_the_write_that_closes_the_cycle_is_the_wrong_one_where_the_oracle_names_none(violation):
    finding = replace(violation.finding, oracle="linearizability", operations=())
    steps = violation_document(MODEL, replace(violation, finding=finding))["steps"]
    assert [step["name"] for step in steps if step["wrong"]] == ["A.2"]
