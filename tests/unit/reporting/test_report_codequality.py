"""Code Quality of GitLab: what it needs of each issue, and which are for information."""

import json

import pytest
from sample_reports import MODEL, make_violation

from toctou.reporting.codequality import SEVERITIES, render
from toctou.reporting.document import violation_document
from toctou.reporting.findings import findings


def run(**changed):
    (finding,) = findings([violation_document(MODEL, make_violation())])
    return {"kind": "run", "findings": [{**finding, **changed}]}


def test_an_issue_is_what_gitlab_shows():
    (issue,) = json.loads(render(run()))
    fingerprint = issue.pop("fingerprint")
    assert issue == {
        "description": issue["description"],
        "check_name": "toctou",
        "severity": "blocker",
        "location": {"path": "models/delete_item.py", "lines": {"begin": 34}},
    }
    assert issue["description"].startswith("delete_item × transfer: ")
    assert len(fingerprint) == 16


@pytest.mark.parametrize("level", SEVERITIES)
def test_levels_have_words_of_gitlab(level):
    (issue,) = json.loads(render(run(severity={"level": level, "score": 5.0, "vector": "", "meaning": ""})))
    assert issue["severity"] == SEVERITIES[level]
    assert SEVERITIES[level] in {"minor", "major", "critical", "blocker"}


def test_what_is_accepted_is_for_information():
    (issue,) = json.loads(render(run(accepted={"by": "comment", "where": "a.py:1", "reason": "known"})))
    assert issue["severity"] == "info"
    assert issue["description"].startswith("accepted (known): ")


def test_a_finding_without_a_line_is_shown_at_its_model():
    (issue,) = json.loads(render(run(read=None, write=None)))
    assert issue["location"] == {"path": "models/delete_item.py", "lines": {"begin": 1}}
