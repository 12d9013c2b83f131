"""Bad input is status 2 and a text that says what to do; never a traceback, never a verdict."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from written_models import FIXED, HEAD, RACY, Ended

from toctou.client.moto_backend import MotoBackend
from toctou.errors import ModelError


def assert_refused(ended: Ended, *said: str) -> None:
    assert ended.status == 2, ended
    assert "Traceback" not in ended.err + ended.out
    for text in said:
        assert text in ended.err, f"{text!r} is not in {ended.err!r}"
    assert "verdict" not in ended.out.lower(), "nothing was concluded"


BROKEN_FILES = {
    "a syntax error": ("class Model(:\n", ["cannot be imported: SyntaxError", "model.py:1"]),
    "a package that is not installed": (
        "import no_such_package\n",
        ["ModuleNotFoundError", "not installed", "model.py:1"],
    ),
    "an exception at import": ("limit = 1 / 0\n", ["ZeroDivisionError", "model.py:1: limit = 1 / 0"]),
    "an exit at import": ("raise SystemExit(0)\n", ["cannot be imported: SystemExit"]),
    "no model": ("x = 1\n", ["model.py holds no model"]),
    "an empty file": ("", ["holds no model"]),
    "a model without handlers": (HEAD, ["holds no model"]),
    "an unknown type of key": (
        FIXED.replace('"note_id")', '"note_id:X")', 1),
        ["cannot be imported: ModelError", "'X'"],
    ),
    "an item without its key": (
        FIXED.replace('"note_id": "n1", "count"', '"count"', 1),
        ["the item {'count': 0} of table 'Notes' in the model Fixed lacks 'note_id'", "remedy: give it 'note_id'"],
    ),
    "an item with a float": (
        FIXED.replace('"count": 0}', '"count": 0.5}', 1),
        ["0.5 of type float has no DynamoDB type"],
    ),
    "an empty pool": (FIXED.replace("@handler()", "@handler(note_id=[])"), ["the pool of 'note_id' is []"]),
    "a pool for no argument": (FIXED.replace("@handler()", "@handler(note_id=['n1'])"), ["cannot be called with"]),
    "no pool for an argument": (FIXED.replace("(self, principal)", "(self, principal, by)"), ["cannot be called with"]),
    "no principals": (FIXED.replace('("alice",)', "()"), ["has no principals"]),
    "a handler that answers nonsense": (FIXED.replace("return 204", "return 7"), ["returned 7", "return (status"]),
}


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize("fault", BROKEN_FILES)
def test_a_file_that_cannot_be_used(folder, command, fault):
    text, said = BROKEN_FILES[fault]
    (folder / "model.py").write_text(text)
    assert_refused(command("check", "model.py"), *said)


def test_a_file_that_cannot_be_used_among_others(folder, command):
    (folder / "a_fixed.py").write_text(FIXED)
    (folder / "broken.py").write_text("import no_such_package\n")
    assert_refused(command("check", "."), "broken.py cannot be imported")


WRONG = (
    FIXED.replace("class Fixed", "class Wrong")
    + """
    @handler()
    def overwrite(self, principal):
        notes.put_item(Item={"note_id": "n1", "count": 9})
        return 7

    @handler()
    def reset(self, principal):
        notes.put_item(Item={"note_id": "n1", "count": 0})
        return 204
"""
)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_model_that_turns_out_to_be_wrong_leaves_the_others_their_results(folder, command, jobs):
    for name, text in (("a_racy.py", RACY), ("b_wrong.py", WRONG), ("c_fixed.py", FIXED)):
        (folder / name).write_text(text)
    ended = command("check", ".", "--jobs", jobs)
    assert ended.status == 2, ended
    assert "Traceback" not in ended.err + ended.out
    assert "invalid model b_wrong.py:Wrong: " in ended.err
    assert "returned 7" in ended.err
    assert "remedy: " in ended.err
    run = json.loads((folder / "reports/latest/run.json").read_text())
    found = {Path(model["model"]).name: (model["verdict"], model["stop_reason"]) for model in run["models"]}
    assert found == {
        "a_racy.py:Racy": ("VIOLATED", None),
        "b_wrong.py:Wrong": ("INCONCLUSIVE", "refused"),
        "c_fixed.py:Fixed": ("VERIFIED", None),
    }
    wrong = run["models"][1]
    assert "returned 7" in wrong["detail"]
    verdicts = [(scenario["verdict"], scenario["stop_reason"]) for scenario in wrong["scenarios"]]
    assert verdicts == [("VERIFIED", None), *[("INCONCLUSIVE", "refused")] * 8]
    page = (folder / "reports/latest/index.html").read_text()
    assert "refused" in page
    assert "&#39;overwrite&#39; returned 7" in page
    assert "returned 7" in ended.out
    assert (folder / "reports/latest/a_racy.Racy-1.json").exists()
    (folder / "expected.json").write_text(
        json.dumps({name: verdict for name, (verdict, _) in found.items()}), encoding="utf-8"
    )
    assert command("check", ".", "--jobs", jobs, "--expect", "expected.json").status == 2


def test_a_wrong_model_may_be_mended_before_the_run_goes_on(folder, command, monkeypatch):
    (folder / "a_fixed.py").write_text(FIXED)
    # What makes it wrong is nothing that its code shows: that would be another run.
    read = "import boto3, os\nanswer = int(os.environ['ANSWER'])"
    (folder / "b_wrong.py").write_text(WRONG.replace("return 7", "return answer").replace("import boto3", read))
    for answer, status, reasons in (("7", 2, [None, "refused"]), ("204", 0, [None, None])):
        monkeypatch.setenv("ANSWER", answer)
        sys.modules.pop("b_wrong", None)
        ended = command("check", ".", "--resume", "journal")
        run = json.loads((folder / "reports/latest/run.json").read_text())
        assert [model["stop_reason"] for model in run["models"]] == reasons
        assert ended.status == status, ended
        assert ("invalid model" in ended.err) == (status == 2)
    assert "continuing from" in ended.err


def test_what_the_second_backend_does_not_take_is_told_and_loses_nothing(folder, command, monkeypatch):
    (folder / "a_racy.py").write_text(RACY)

    def refusing(backend, tables, items):
        raise ModelError("an item was refused")

    monkeypatch.setattr(MotoBackend, "load", refusing)
    ended = command("check", ".")
    assert ended.status == 1, ended
    run = json.loads((folder / "reports/latest/run.json").read_text())
    (violation, *_) = [one for scenario in run["models"][0]["scenarios"] for one in scenario["violations"]]
    assert (violation["confirmed_on"], violation["difference"]) == (None, "moto: an item was refused")


def test_a_model_that_is_named_but_has_no_handlers(folder, command):
    (folder / "model.py").write_text(HEAD)
    assert_refused(command("check", "model.py:OfNotes"), "the model OfNotes has no handlers", "@handler")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("missing", "there is no module 'missing'"),
        ("missing/", "missing/"),
        ("missing.py", "there is no Python file 'missing.py'"),
        ("missing.py:Model", "there is no Python file 'missing.py'"),
        ("missing.module:Model", "there is no module 'missing.module'"),
        ("model.py:Missing", "model.py has no model 'Missing'"),
        ("model.py:notes", "does not derive from toctou.Model"),
        (".:Fixed", "is a folder"),
        ("empty", "empty holds no model"),
        ("text.txt", "there is no Python file 'text.txt'"),
    ],
)
def test_a_target_that_is_not_there(folder, command, target, said):
    (folder / "model.py").write_text(FIXED)
    (folder / "text.txt").write_text("no model")
    (folder / "empty").mkdir()
    ended = command("check", target)
    assert_refused(ended, said)
    assert "Fixed" in ended.err or "model.py" not in target, "what could have been meant is listed"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--requests", "0"], "0 is not at least 1"),
        (["--requests", "-1"], "-1 is not at least 1"),
        (["--requests", "two"], "'two'"),
        (["--strategy", "psychic"], "psychic"),
        (["--backend", "oracle"], "there is no backend 'oracle'"),
        (["--backend", "endpoint"], "endpoint=URL"),
        (["--backend", "endpoint=localhost:8000"], "http://"),
        (["--max-schedules", "0"], "0 is not at least 1"),
        (["--max-seconds", "0"], "0 is not greater than 0"),
        (["--max-seconds", "nan"], "nan is not greater than 0"),
        (["--max-operations", "none"], "'none'"),
        (["--format", "yaml"], "yaml"),
        (["--seed", "lucky"], "lucky"),
        (["--unknown"], "--unknown"),
    ],
    ids=" ".join,
)
def test_an_option_that_cannot_be_used(folder, command, options, said):
    (folder / "model.py").write_text(FIXED)
    assert_refused(command("check", "model.py", *options), said)


def test_no_target_and_no_command(command):
    assert_refused(command("check"), "TARGET")
    assert_refused(command(), "COMMAND")
    assert_refused(command("verify", "model.py"), "verify")


def test_an_endpoint_at_which_nobody_listens(folder, command):
    (folder / "model.py").write_text(FIXED)
    ended = command("check", "model.py", "--backend", "endpoint=http://127.0.0.1:9")
    assert_refused(ended, "endpoint=http://127.0.0.1:9 did not answer", "--backend embedded")


def test_reports_that_cannot_be_written(folder, command):
    (folder / "model.py").write_text(FIXED)
    (folder / "taken").write_text("a file")
    assert_refused(command("check", "model.py", "--report", "taken"), "cannot be written to taken", "--report DIR")
    assert_refused(command("check", "model.py", "--report", "taken/below"), "cannot be written to taken/below")


@pytest.mark.skipif(
    os.geteuid() == 0,
    reason="the superuser may write anywhere: run `.venv/bin/pytest tests/end_to_end/test_bad_input.py` as another user",
)
def test_a_directory_that_may_not_be_written_to(folder, command):
    (folder / "model.py").write_text(FIXED)
    (folder / "locked").mkdir(mode=0o500)
    assert_refused(command("check", "model.py", "--report", "locked"), "Permission denied")


def test_a_directory_of_somebody_else_is_left_alone(folder, command):
    (folder / "model.py").write_text(FIXED)
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("mine")
    assert_refused(command("check", "model.py", "--report", "site"), "toctou did not write it")
    assert (folder / "site" / "index.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected.json"),
        ("[]", "holds list"),
        ('{"model.py:Fixed": "FINE"}', "'FINE'"),
        ('{"model.py:Fixed": 1}', "expected to be 1"),
        ('{"model.py:Fixed": ["VERIFIED"]}', "expected to be ['VERIFIED']"),
        (None, "expected.json"),
    ],
)
def test_expectations_that_cannot_be_read(folder, command, text, said):
    (folder / "model.py").write_text(FIXED)
    if text is not None:
        (folder / "expected.json").write_text(text)
    assert_refused(command("check", "model.py", "--expect", "expected.json"), said, "--expect")


class TestReplay:
    @pytest.fixture(autouse=True)
    def racy(self, folder, command):
        (folder / "racy.py").write_text(RACY)
        assert command("check", "racy.py").status == 1
        self.report = folder / "reports/latest/racy.Racy-1.json"

    def rewritten(self, **fields: object) -> Path:
        document = json.loads(self.report.read_text())
        self.report.write_text(json.dumps({**document, **fields}))
        return self.report

    def model_rewritten(self, command, folder: Path, old: str, new: str) -> Ended:
        text = RACY.replace(old, new)
        assert text != RACY
        (folder / "racy.py").write_text(text)
        # Python takes a compiled file for current if the source has the size and the second that it had.
        later = (folder / "racy.py").stat().st_mtime + 10
        os.utime(folder / "racy.py", (later, later))
        sys.modules.pop("racy", None)
        return command("replay", self.report)

    def test_a_file_that_is_not_there(self, command):
        assert_refused(command("replay", "missing.json"), "missing.json cannot be read", "toctou check")

    def test_a_directory(self, command):
        assert_refused(command("replay", "reports/latest"), "cannot be read")

    @pytest.mark.parametrize("kept", [0, 1, 200, -2])
    def test_a_truncated_report(self, command, kept):
        self.report.write_text(self.report.read_text()[:kept])
        assert_refused(command("replay", self.report), "is not complete JSON")

    def test_a_report_that_is_no_text(self, command):
        self.report.write_bytes(b"\xff\xfe\x00")
        assert_refused(command("replay", self.report), "not UTF-8")

    @pytest.mark.parametrize("version", [0, 99, "two", None])
    def test_a_report_of_another_version(self, command, version):
        assert_refused(command("replay", self.rewritten(format=version)), f"is a report of format {version!r}")

    def test_the_report_of_a_run(self, command):
        assert_refused(command("replay", "reports/latest/run.json"), "the report of a whole run")

    def test_some_other_json(self, command, folder):
        (folder / "other.json").write_text('{"kind": "invoice"}')
        assert_refused(command("replay", "other.json"), "not a violation")

    @pytest.mark.parametrize("field", ["model", "requests", "schedule", "finding", "initial"])
    def test_a_missing_field(self, command, field):
        document = json.loads(self.report.read_text())
        del document[field]
        self.report.write_text(json.dumps(document))
        assert_refused(command("replay", self.report), f"has no field {field}")

    @pytest.mark.parametrize(
        ("schedule", "said"),
        [
            ("t1:A.B.B.A:0000", "is damaged: its checksum does not match"),
            ("t1:A.B", "damaged"),
            ("t2:A.B.B.A:1f0c", "is of version 't2'"),
            ("", "is not a schedule"),
        ],
    )
    def test_a_damaged_schedule(self, command, schedule, said):
        assert_refused(command("replay", self.rewritten(schedule=schedule)), said, "remedy")

    def test_a_backend_that_is_not_there(self, command):
        assert_refused(command("replay", self.report, "--backend", "oracle"), "there is no backend 'oracle'")

    def test_a_model_that_is_gone(self, command, folder):
        (folder / "racy.py").unlink()
        assert_refused(command("replay", self.report), "there is no Python file 'racy.py'")

    def test_a_handler_that_is_gone(self, command, folder):
        ended = self.model_rewritten(command, folder, "def increment", "def add_one")
        assert_refused(ended, "has no handler 'increment' any more", "toctou check")

    def test_items_that_have_changed(self, command, folder):
        ended = self.model_rewritten(command, folder, '"count": 0', '"count": 7')
        assert_refused(ended, "starts from other items now")

    def test_a_handler_that_performs_more_operations(self, command, folder):
        ended = self.model_rewritten(
            command, folder, "        return 204", "        notes.get_item(Key={'note_id': 'n1'})\n        return 204"
        )
        assert_refused(ended, "no longer fits", "the schedule ends there, but", "steps taken", "GetItem")

    def test_a_handler_that_performs_fewer_operations(self, command, folder):
        ended = self.model_rewritten(
            command, folder, 'notes.put_item(Item={**note, "count": note["count"] + 1})', "pass"
        )
        assert_refused(ended, "no longer fits", "every request has answered, but the schedule continues with B.A")

    def test_a_request_that_answers_too_early(self, command, folder):
        refusing = "        if note['count'] == 0:\n            return 409\n        notes.put_item"
        ended = self.model_rewritten(command, folder, "        notes.put_item", refusing)
        assert_refused(ended, "no longer fits", "answers 409")

    def test_a_fix_that_performs_as_many_operations(self, command, folder):
        fixed = """notes.update_item(
            Key={"note_id": "n1"},
            UpdateExpression="ADD #count :one",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":one": 1},
        )"""
        ended = self.model_rewritten(
            command, folder, 'notes.put_item(Item={**note, "count": note["count"] + 1})', fixed
        )
        assert ended.status == 0
        assert "no longer objects" in ended.out
