"""SARIF: valid by OASIS's schema where that is at hand, and by what code scanning needs in any case."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from bare_documents import run_document, without_places
from jsonschema import Draft4Validator
from sample_reports import MODEL, make_model, make_run, make_violation
from test_report_findings import elsewhere, moved
from test_report_html import ATTACKS, hostile
from test_report_schema import unusual_violation

from toctou.analysis.anomalies import ANOMALIES
from toctou.history.request import SourceLine
from toctou.remediation.source_edits.patch import Replacement
from toctou.reporting import fixes, github, sarif
from toctou.reporting.document import violation_document
from toctou.reporting.findings import findings
from toctou.reporting.sarif_rules import MOST_CHARACTERS, WEAKNESSES, weaknesses


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
    yield from (accepted(by, where) for by, where in ACCEPTED)
    yield reached_through_others()


ACCEPTED = (("baseline", "toctou-baseline.json"), ("comment", "shop/app.py:12"))


def accepted(by, where):
    run = run_document(make_run(make_model(make_violation())))
    run["findings"][0]["accepted"] = {"by": by, "where": where, "reason": "known"}
    run["outcome"] = {**OUTCOME, "accepted": 1, "exit_status": 3, "notes": ["something is gone"]}
    return run


OUTCOME = {"fail_on": "any", "exit_status": 1, "failing": 1, "accepted": 0, "below": [], "notes": []}


def line(number, function):
    return SourceLine("shop/app.py", number, function, f"line {number}")


def reached_through_others():
    """A read and a write of a data-access class, which a handler calls."""
    violation = make_violation()
    first, between, last = violation.execution.operations
    handler = [line(1, "decorated"), line(20, "delete_item")]
    operations = (
        replace(first, source=line(80, "Store.get"), stack=(*handler, line(80, "Store.get"))),
        between,
        replace(
            last, source=line(90, "Store.delete"), stack=(handler[0], line(24, "delete_item"), line(90, "Store.delete"))
        ),
    )
    execution = replace(violation.execution, operations=operations)
    return violation_document("models.py:Model", replace(violation, execution=execution))


@pytest.mark.skipif(
    "SARIF_SCHEMA" not in os.environ,
    reason="OASIS's schema is not part of toctou: `SARIF_SCHEMA=FOLDER/sarif-schema-2.1.0.json pytest tests/unit/reporting`",
)
def test_logs_are_valid_by_the_schema_of_the_standard(monkeypatch):
    schema = json.loads(Path(os.environ["SARIF_SCHEMA"]).read_text(encoding="utf-8"))
    validator = Draft4Validator(schema)
    for document in samples():
        assert [error.message for error in validator.iter_errors(log(document))] == []
    monkeypatch.setattr(fixes, "replacements", lambda _: [Replacement("app.py", 3, 4, "new")])
    remedy = {"text": "Make it conditional", "edits": [{"kind": "condition"}], "attempts": []}
    fixed = log({**violation_document(MODEL, make_violation()), "remedy": remedy})
    assert fixed["runs"][0]["results"][0]["fixes"]
    assert [error.message for error in validator.iter_errors(fixed)] == []
    broken = log(next(samples()))
    broken["runs"][0]["results"][0]["level"] = "critical"
    assert not validator.is_valid(broken)


def test_a_result_points_at_the_write_and_relates_the_read():
    (run,) = log(violation_document(MODEL, make_violation()))["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("models/delete_item.py", 34)
    read, write = result["relatedLocations"]
    assert (read["id"], write["id"]) == (1, 2)
    assert write["physicalLocation"]["region"]["startLine"] == 34
    assert result["message"]["text"].endswith("See the [read](1) and [write](2).")
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


def test_what_came_of_trying_the_fix_is_told():
    document = violation_document(MODEL, make_violation())

    def told(**remedy):
        document["remedy"] = {"text": "Make it conditional", "edits": [], "attempts": [], **remedy}
        return log(document)["runs"][0]["results"][0]["message"]["text"]

    assert "Suggested fix (not tried). Make it conditional." in told()
    tried = {"outcome": "removed", "text": "no violation in 9 schedules of 2 scenarios"}
    assert "Fix, tried: no violation in 9 schedules of 2 scenarios. Make it conditional." in told(tried=tried)


def test_rules_know_their_weaknesses():
    (run,) = log(violation_document(MODEL, make_violation()))["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == "toctou"
    assert {"external/cwe/cwe-367", "external/cwe/cwe-639"} < set(rule["properties"]["tags"])
    assert [taxon["id"] for taxon in run["taxonomies"][0]["taxa"]] == ["367", "639"]
    (finding,) = findings([violation_document(MODEL, make_violation())])
    named = {number for anomaly in ANOMALIES for number in weaknesses({**finding, "anomaly": anomaly})}
    assert named == set(WEAKNESSES) == {"248", "362", "367", "639"}


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
    assert weaknesses({"anomaly": anomaly, "severity": {"vector": f"impact:{impact}/x:1"}}) == numbers


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


def test_a_result_is_where_the_handler_decides_and_leads_to_the_calls():
    document = reached_through_others()
    assert document["cause"]["write"]["at"]["line"] == 24
    assert [one["line"] for one in document["steps"][0]["stack"]] == [1, 20, 80]
    (result,) = log(document)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 24
    related = [(one["id"], one["physicalLocation"]["region"]["startLine"]) for one in result["relatedLocations"]]
    assert related == [(1, 20), (2, 24), (3, 80), (4, 90)]
    ways = [
        [frame["location"]["physicalLocation"]["region"]["startLine"] for frame in stack["frames"]]
        for stack in result["stacks"]
    ]
    assert ways == [[80, 20, 1], [90, 24, 1]]
    assert github.render(document).startswith("::error file=shop/app.py,line=24,title=")


@pytest.mark.parametrize(("by", "where"), ACCEPTED)
def test_what_is_accepted_is_suppressed(by, where):
    (run,) = log(accepted(by, where))["runs"]
    (result,) = run["results"]
    (suppression,) = result["suppressions"]
    assert suppression["justification"] == "known"
    assert suppression["kind"] == {"baseline": "external", "comment": "inSource"}[by]
    if by == "comment":
        place = suppression["location"]["physicalLocation"]
        assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("shop/app.py", 12)
    (run,) = log(run_document(make_run(make_model(make_violation()))))["runs"]
    assert run["results"][0]["suppressions"] == []


def test_the_invocation_says_how_the_command_ended_and_what_it_could_not_conclude():
    document = accepted(*ACCEPTED[0])
    document["models"][0] |= {"verdict": "INCONCLUSIVE", "stop_reason": "max_seconds", "detail": "out of time"}
    (invocation,) = log(document)["runs"][0]["invocations"]
    told = [(one["level"], one["message"]["text"]) for one in invocation["toolExecutionNotifications"]]
    model = document["models"][0]["model"]
    assert told == [
        ("warning", f"{model} is inconclusive (max_seconds): out of time"),
        ("note", "something is gone"),
    ]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (True, 3)
    document["faults"] = [{"where": "", "text": "a fault of ours"}]
    (invocation,) = log(document)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False


def test_a_run_has_a_category_of_its_kind():
    assert log(next(samples()))["runs"][0]["automationDetails"] == {"id": "toctou/violation/"}


def test_rules_have_help_with_an_example_and_the_fix():
    (run,) = log(violation_document(MODEL, make_violation()))["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert "```python" in rule["help"]["markdown"]
    assert "**Fix:**" in rule["help"]["markdown"]
    assert "`" not in rule["help"]["text"]
    assert "<!--" not in rule["help"]["markdown"]
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert rule["helpUri"].startswith("https://")


def test_rules_are_within_the_limits_of_github():
    (finding,) = findings([violation_document(MODEL, make_violation())])
    for anomaly in ANOMALIES:
        rule = sarif.rule(anomaly, [{**finding, "anomaly": anomaly}])
        assert len(rule["properties"]["tags"]) <= 10
        for part in ("shortDescription", "fullDescription"):
            assert 0 < len(rule[part]["text"]) <= MOST_CHARACTERS
        assert rule["help"]["markdown"]


def test_the_most_severe_results_are_kept_and_the_rest_is_told(monkeypatch):
    monkeypatch.setattr(sarif, "MOST_RESULTS", 1)
    run = run_document(make_run(make_model(make_violation(), make_violation("carol"), elsewhere(make_violation()))))
    (whole,) = log(run)["runs"]
    assert len(run["findings"]) > len(whole["results"]) == 1
    (told,) = whole["invocations"][0]["toolExecutionNotifications"]
    assert told["message"]["text"] == "1 less severe findings are left out here"


def test_fixes_replace_whole_lines(monkeypatch):
    made = [Replacement("app.py", 3, 4, "new"), Replacement("app.py", 1, 1, "import x")]
    monkeypatch.setattr(fixes, "replacements", lambda _: made)
    remedy = {"text": "Make it conditional", "edits": [{"kind": "condition"}], "attempts": []}
    document = {**violation_document(MODEL, make_violation()), "remedy": remedy}
    (result,) = log(document)["runs"][0]["results"]
    (fix,) = result["fixes"]
    (change,) = fix["artifactChanges"]
    assert [(one["deletedRegion"], one["insertedContent"]["text"]) for one in change["replacements"]] == [
        ({"startLine": 1, "endLine": 1}, "import x"),
        ({"startLine": 3, "endLine": 4}, "new"),
    ]


def test_github_knows_a_result_by_its_fingerprint():
    document = violation_document(MODEL, make_violation())
    (result,) = log(document)["runs"][0]["results"]
    assert result["partialFingerprints"]["primaryLocationLineHash"] == f"{document['cause']['fingerprint']}:1"
