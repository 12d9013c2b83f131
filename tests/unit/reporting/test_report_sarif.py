"""SARIF: valid by OASIS's schema where that is at hand, and by what code scanning needs in any case."""

import json
import os
from pathlib import Path

import pytest
from bare_documents import run_document, without_places
from jsonschema import Draft4Validator
from sample_reports import MODEL, make_model, make_run, make_violation
from test_report_findings import elsewhere, moved
from test_report_html import ATTACKS, hostile
from test_report_schema import unusual_violation

from toctou.analysis.anomalies import ANOMALIES
from toctou.reporting import sarif
from toctou.reporting.document import violation_document
from toctou.reporting.findings import findings


def log(document):
    render = sarif.render
    return json.loads(render(document))


def samples():
    yield violation_document(MODEL, make_violation())
    yield violation_document("package.module:Model", unusual_violation())
    yield without_places(violation_document(MODEL, make_violation()))
    yield run_document(make_run(make_model(elsewhere(make_violation()), make_violation())))
    yield run_document(make_run())
    yield from (violation_document(f"x.py:{attack}", hostile(attack)) for attack in ATTACKS)


@pytest.mark.skipif(
    "SARIF_SCHEMA" not in os.environ,
    reason="OASIS's schema is not part of toctou: `SARIF_SCHEMA=FOLDER/sarif-schema-2.1.0.json pytest tests/unit/reporting`",
)
def test_logs_are_valid_by_the_schema_of_the_standard():
    schema = json.loads(Path(os.environ["SARIF_SCHEMA"]).read_text(encoding="utf-8"))
    validator = Draft4Validator(schema)
    for document in samples():
        assert [error.message for error in validator.iter_errors(log(document))] == []
    broken = log(next(samples()))
    broken["runs"][0]["results"][0]["level"] = "critical"
    assert not validator.is_valid(broken)


def test_a_result_points_at_the_write_and_relates_the_read():
    (run,) = log(violation_document(MODEL, make_violation()))["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("models/delete_item.py", 34)
    (read,) = result["relatedLocations"]
    assert read["physicalLocation"]["region"]["startLine"] == 31
    assert read["message"]["text"] == "relies on owner of Items[i1], read here"
    assert (result["level"], result["rank"]) == ("error", 95)
    assert result["properties"]["security-severity"] == "9.5"
    assert result["properties"]["vector"].startswith("impact:destroys-others-data/")


def test_the_code_flow_follows_the_schedule():
    (run,) = log(violation_document(MODEL, make_violation()))["runs"]
    ((flow,),) = (one["threadFlows"] for one in run["results"][0]["codeFlows"])
    told = [(one["executionOrder"], one["location"]["message"]["text"]) for one in flow["locations"]]
    assert told == [
        (1, "A.1 (A alice: delete_item): GetItem Items[i1] → owner 'alice'"),
        (2, "B.1 (B alice: transfer): UpdateItem Items[i1] owner 'alice' → 'bob'"),
        (3, "A.2 (A alice: delete_item): DeleteItem Items[i1] deleted (owner 'bob')"),
    ]
    lines = [one["location"]["physicalLocation"]["region"]["startLine"] for one in flow["locations"]]
    assert lines == [31, 52, 34]


def test_rules_know_their_weaknesses():
    (run,) = log(violation_document(MODEL, make_violation()))["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == "toctou"
    assert {"external/cwe/cwe-367", "external/cwe/cwe-639"} < set(rule["properties"]["tags"])
    assert [taxon["id"] for taxon in run["taxonomies"][0]["taxa"]] == ["367", "639"]
    (finding,) = findings([violation_document(MODEL, make_violation())])
    named = {number for anomaly in ANOMALIES for number in sarif.weaknesses({**finding, "anomaly": anomaly})}
    assert named == set(sarif.WEAKNESSES) == {"248", "362", "367", "639"}


@pytest.mark.parametrize(
    ("anomaly", "impact", "numbers"),
    [
        ("toctou", "destroys-others-data", ("367", "639")),
        ("toctou", "fits-no-order", ("367",)),
        ("phantom", "changes-others-data", ("362", "639")),
        ("lost_update", "loses-update", ("362",)),
        ("missing_check", "changes-others-data", ("639",)),
    ],
)
def test_a_bypassed_check_is_one_whatever_the_race_is_called(anomaly, impact, numbers):
    assert sarif.weaknesses({"anomaly": anomaly, "severity": {"vector": f"impact:{impact}/x:1"}}) == numbers


def test_results_are_one_per_cause_and_worst_first():
    document = run_document(
        make_run(make_model(elsewhere(make_violation()), make_violation(), make_violation("carol")))
    )
    (run,) = log(document)["runs"]
    assert [(one["properties"]["severity"], one["properties"]["violations"]) for one in run["results"]] == [
        ("critical", 2),
        ("high", 1),
    ]
    assert {one["ruleIndex"] for one in run["results"]} == {0}


def test_fingerprints_outlive_edits_elsewhere():
    def fingerprints(violation):
        return log(violation_document(MODEL, violation))["runs"][0]["results"][0]["partialFingerprints"]

    assert fingerprints(moved(make_violation(), by=12)) == fingerprints(make_violation())
    assert fingerprints(moved(make_violation(), text="other()")) != fingerprints(make_violation())


def test_what_is_syntax_in_messages_is_text():
    document = violation_document(MODEL, make_violation(principal="{0} [x](http://evil)"))
    (result,) = log(document)["runs"][0]["results"]
    assert "{{0}} [x] (http://evil)" in result["message"]["text"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "models/delete_item.py"
