import json
from dataclasses import replace
from pathlib import Path

import pytest
from bare_documents import run_document
from jsonschema import Draft202012Validator
from sample_reports import MODEL, make_model, make_run, make_violation

from toctou.history.footprint import EdgeKind
from toctou.history.operation import ErrorResponse
from toctou.history.request import HandlerException, Request, Response, SourceLine
from toctou.reporting.document import FORMAT, violation_document
from toctou.reporting.write import write_run
from toctou.verdict import StopReason, Verdict

REPORTS = Path(__file__).parents[3] / "reports"


def validator(kind: str) -> Draft202012Validator:
    schema = json.loads((REPORTS / f"{kind}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(kind: str, document) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(kind).iter_errors(document)]


def unusual_violation():
    violation = make_violation()
    source = SourceLine("/opt/lib/site-packages/package/module.py", 1, "f", "x")
    first, *others = violation.execution.operations
    error = ErrorResponse("ConditionalCheckFailedException", "…", {"Item": {"blob": {"B": b"\x00"}}})
    execution = replace(
        violation.execution,
        operations=(replace(first, result=None, error=error, source=None), *others),
        requests=(Request.of("alice", "put", {"blob": b"\x00", "tags": {"a"}}), Request("bob", "other")),
        responses=(
            Response(200, {1: (2,)}, headers=[("ETag", "3")]),
            Response(500, None, HandlerException("KeyError", "'x'", source)),
        ),
        initial={},
    )
    explanation = replace(violation.explanation, anomaly="unnamed", cycle=(), edges=(), witness=())
    finding = replace(violation.finding, operations=(), closest=None)
    return replace(violation, execution=execution, explanation=explanation, finding=finding, confirmed_on=None)


@pytest.mark.parametrize("make", [make_violation, unusual_violation])
def test_documents_of_violations_are_as_the_schema_says(make):
    document = json.loads(json.dumps(violation_document(MODEL, make(), report=Path("reports/latest/x-1.json"))))
    assert faults("violation", document) == []
    assert faults("violation", json.loads(json.dumps(violation_document(MODEL, make())))) == []


def test_documents_of_runs_are_as_the_schema_says(run, tmp_path):
    assert faults("run", json.loads(json.dumps(run_document(run)))) == []
    assert faults("run", run_document(make_run())) == []
    write_run(make_run(make_model(make_violation(), unusual_violation())), tmp_path)
    written = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.json")}
    assert len(written) == 3
    assert faults("run", written.pop("run.json")) == []
    assert [fault for document in written.values() for fault in faults("violation", document)] == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda one: one.pop("schedule"), "'schedule' is a required property"),
        (lambda one: one.update(schedule="A.B"), "$.schedule"),
        (lambda one: one.update(format=FORMAT + 1), "$.format"),
        (lambda one: one["steps"][0].update(extra=1), "$.steps[0]"),
        (lambda one: one["initial"].update(Items=[{"owner": {"X": "?"}}]), "$.initial.Items[0].owner"),
        (lambda one: one["steps"][0]["source"].update(file="/home/me/x.py"), "$.steps[0].source"),
    ],
)
def test_the_schema_refuses_what_is_not_a_violation(violation, change, named):
    document = json.loads(json.dumps(violation_document(MODEL, violation)))
    change(document)
    assert any(named in fault for fault in faults("violation", document))


def test_the_schema_knows_every_verdict_stop_reason_and_kind_of_edge():
    run, violation = validator("run").schema, validator("violation").schema
    assert run["$defs"]["verdict"]["enum"] == list(Verdict)
    assert run["$defs"]["stop_reason"]["enum"] == [None, *StopReason]
    assert sorted(violation["$defs"]["edge"]["properties"]["kind"]["enum"]) == sorted(EdgeKind)
    assert run["properties"]["format"]["const"] == violation["properties"]["format"]["const"] == FORMAT


@pytest.mark.parametrize("kind", ["run", "violation"])
def test_every_field_that_is_not_a_reference_is_described(kind):
    def undescribed(part, where):
        if isinstance(part, dict):
            for name, field in part.get("properties", {}).items():
                variants = field.get("anyOf", [field])
                if not any("description" in one or "$ref" in one or "items" in one for one in variants):
                    yield f"{where}.{name}"
            for name, inner in part.items():
                yield from undescribed(inner, f"{where}.{name}")
        elif isinstance(part, list):
            for inner in part:
                yield from undescribed(inner, where)

    assert list(undescribed(validator(kind).schema, kind)) == []
