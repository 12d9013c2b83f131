"""``toctou baseline`` and what ``toctou check`` makes of it, as on the command line."""

import json

import pytest

from toctou.cli import main

APPLICATION = '''
import boto3
from toctou import Model, Table, handler

table = boto3.resource("dynamodb", region_name="eu-central-1").Table("Counters")


class Store:
    def get(self, name):
        return table.get_item(Key={"name": name})["Item"]

    def put(self, item):
        table.put_item(Item=item)


store = Store()


def count(caller, name):
    item = store.get(name)
    store.put({**item, "count": item["count"] + 1})
    return 200


def double(caller, name):
    item = store.get(name)
    store.put({**item, "count": item["count"] * 2})
    return 200


class Counters(Model):
    """Counters."""

    tables = [Table("Counters", "name")]
    items = {"Counters": [{"name": "c", "count": 1}]}
    count = handler(count, name=["c"])
    double = handler(double, name=["c"])
'''


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counters_of_a_project.py").write_text(APPLICATION, encoding="utf-8")
    return tmp_path


def check(*options):
    return main(["check", "counters_of_a_project.py", *options])


def accepted(project):
    file = project / "toctou-baseline.json"
    return {one["handler"]: one for one in json.loads(file.read_text(encoding="utf-8"))["accepted"]}


def test_what_is_accepted_fails_nothing_until_it_expires(project, capsys):
    assert check() == 1
    capsys.readouterr()
    assert main(["baseline", "--reason", "counts need not be right", "--expires", "2999-01-01"]) == 0
    assert "toctou-baseline.json accepts 2 findings" in capsys.readouterr().out
    assert set(accepted(project)) == {"count", "double"}
    assert check() == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("counts need not be right (toctou-baseline.json, until 2999-01-01)") == 2
    assert "toctou replay" not in printed
    fingerprint = accepted(project)["count"]["fingerprint"]
    assert main(["baseline", fingerprint, "--expires", "2020-01-01"]) == 0
    assert accepted(project)["count"]["reason"] == "counts need not be right"
    assert check() == 1
    assert f"{fingerprint} (count × count: lost update) is accepted no more" in capsys.readouterr().out


def test_a_new_finding_fails_and_one_that_is_gone_is_told_and_removed(project, capsys):
    assert check() == 1
    run = json.loads((project / "reports/latest/run.json").read_text(encoding="utf-8"))
    of_count = next(one["fingerprint"] for one in run["findings"] if one["handler"] == "count")
    assert main(["baseline", "reports/latest/run.json", of_count, "-o", "ci/accepted.json"]) == 0
    capsys.readouterr()
    assert check("--baseline", "ci/accepted.json") == 1
    assert "double × count: lost update" in capsys.readouterr().out
    # A baseline says nothing of what was not explored.
    assert check("--baseline", "ci/accepted.json", "--max-schedules", "1") == 3
    assert "no longer found" not in capsys.readouterr().out
    baseline = json.loads((project / "ci/accepted.json").read_text(encoding="utf-8"))
    baseline["accepted"].append({**baseline["accepted"][0], "fingerprint": "f" * 16, "title": "an old one"})
    (project / "ci/accepted.json").write_text(json.dumps(baseline), encoding="utf-8")
    assert check("--baseline", "ci/accepted.json") == 1
    assert f"{'f' * 16} (an old one) is no longer found" in capsys.readouterr().out
    assert main(["baseline", "--prune", "-o", "ci/accepted.json"]) == 0
    left = json.loads((project / "ci/accepted.json").read_text(encoding="utf-8"))["accepted"]
    assert [one["fingerprint"] for one in left] == [of_count]


def test_levels_say_what_fails(project, capsys):
    assert check("--fail-on", "medium") == 1
    assert check("--fail-on", "critical") == 0
    assert "2 findings are below --fail-on critical (2 medium), and fail nothing." in capsys.readouterr().out
    run = json.loads((project / "reports/latest/run.json").read_text(encoding="utf-8"))
    assert run["outcome"]["exit_status"] == 0
    assert check("--fail-on", "critical", "--max-schedules", "1") in (1, 3)


def test_a_comment_where_a_handler_calls_the_store_accepts_its_finding_only(project, capsys):
    file = project / "counters_of_a_project.py"
    commented = APPLICATION.replace("+ 1})", "+ 1})  # toctou: accept[lost_update] counts need not be right")
    file.write_text(commented, encoding="utf-8")
    assert check() == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "counts need not be right (counters_of_a_project.py:" in printed
    run = json.loads((project / "reports/latest/run.json").read_text(encoding="utf-8"))
    assert {one["handler"]: "accepted" in one for one in run["findings"]} == {"count": True, "double": False}
    assert main(["baseline"]) == 0
    assert set(accepted(project)) == {"double"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["baseline", "f" * 16], "no finding of this run has the fingerprint"),
        (["baseline", "--expires", "soon"], "'soon' is no day such as 2030-12-31"),
        (["baseline", "no_such_run.json"], "no_such_run.json"),
        (["check", "counters_of_a_project.py", "--baseline", "none.json"], "the baseline none.json cannot be read"),
        (["check", "counters_of_a_project.py", "--fail-on", "most"], "invalid choice: 'most'"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_told(arguments, told, project, capsys):
    assert check("--max-schedules", "1") in (1, 3)
    capsys.readouterr()
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert told in capsys.readouterr().err
