"""Generated regression tests, for each racy model: they fail on it, and pass on every fixed twin in the same file."""

import ast
import json
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from toctou import Request
from toctou.checking.check import check
from toctou.declaration.loading import load
from toctou.errors import ScheduleDiverged, TargetError
from toctou.reporting import pytest_file
from toctou.reporting.encoding import encode
from toctou.reporting.regression import RaceIsBack, RaceIsUndecided, assert_race_is_gone
from toctou.reporting.run_document import documents
from toctou.search.options import Options

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = json.loads((ROOT / "models" / "expected.json").read_text(encoding="utf-8"))
RACY = [name for name, verdict in EXPECTED.items() if verdict == "VIOLATED"]
FIXED = defaultdict(list)
for name, verdict in EXPECTED.items():
    if verdict == "VERIFIED":
        FIXED[name.partition(":")[0]].append(name)
PAIRS = [(racy, fixed) for racy in RACY for fixed in FIXED[racy.partition(":")[0]]]


@pytest.fixture(scope="module")
def found():
    """The documents of all violations of the racy models, by model, worst first."""
    by_model = defaultdict(list)
    for document in documents(check(load(["models"]), Options(confirm=False)))[1].values():
        by_model[document["model"]].append(document)
    return by_model


def run(text):
    """Run the one test of a generated file."""
    names = {"__file__": str(ROOT / "tests" / "test_generated.py")}
    exec(compile(text, "test_generated.py", "exec"), names)
    (test,) = (one for name, one in names.items() if name.startswith("test_"))
    test()


def test_every_racy_model_has_a_fixed_twin():
    assert {racy for racy, _ in PAIRS} == set(RACY)
    assert len(RACY) >= 11


@pytest.mark.parametrize("racy", RACY)
def test_it_fails_while_the_race_is_there(found, racy):
    for document in found[racy]:
        with pytest.raises(RaceIsBack) as failure:
            run(pytest_file.render(document))
        told = str(failure.value)
        assert told.startswith(f"the schedule {document['schedule']} still shows the race")
        assert document["explanation"]["anomaly_title"] in told


@pytest.mark.parametrize(("racy", "fixed"), PAIRS)
def test_it_passes_on_the_fixed_twin(found, racy, fixed, capsys):
    for document in found[racy]:
        run(pytest_file.render(document).replace(racy, fixed))
        assert "interleavings of these requests hold" in capsys.readouterr().out


def test_pytest_runs_it_from_anywhere(found, tmp_path):
    text = pytest_file.render(found["models/delete_item.py:ReadThenDelete"][0])
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_racy.py").write_text(text)
    (tmp_path / "tests" / "test_fixed.py").write_text(text.replace("ReadThenDelete", "ConditionalDelete"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-W", "error", tmp_path / "tests"],
        cwd=elsewhere, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "WHAT HAPPENED" in done.stdout
    assert "no longer fits" in done.stdout


DELETE = [
    Request.of("alice", "transfer", {"item_id": "i1", "to": "bob"}),
    Request.of("alice", "delete_item", {"item_id": "i1"}),
]


def test_a_race_that_another_schedule_shows_is_found_though_the_old_schedule_no_longer_fits():
    with pytest.raises(RaceIsBack, match=r"no longer fits.*but another one shows a violation") as failure:
        assert_race_is_gone(
            "models/delete_item.py:ReadThenDelete", DELETE, schedule="t1:A.A.A.B:c2f5", oracle="ownership"
        )
    assert "schedule  t1:" in str(failure.value)


def test_a_schedule_that_holds_is_not_enough():
    with pytest.raises(RaceIsBack, match="runs, and ownership no longer objects, but another one"):
        assert_race_is_gone("models/delete_item.py:ReadThenDelete", DELETE, schedule="t1:A.B:c822", oracle="ownership")


def test_a_model_that_no_longer_has_the_handler_says_so():
    renamed = [DELETE[0], Request.of("alice", "remove_item", {"item_id": "i1"})]
    with pytest.raises(ScheduleDiverged, match="no such handler"):
        assert_race_is_gone("models/delete_item.py:ReadThenDelete", renamed, schedule="t1:A.B:c822", oracle="ownership")
    other = [DELETE[0], Request.of("alice", "delete_item", {"key": "i1"})]
    with pytest.raises(ScheduleDiverged, match="a handler with the arguments item_id"):
        assert_race_is_gone("models/delete_item.py:ReadThenDelete", other, schedule="t1:A.B:c822", oracle="ownership")


def test_a_model_that_has_moved_says_so():
    with pytest.raises(TargetError, match=r"there is no file 'models/gone.py'"):
        assert_race_is_gone("models/gone.py:X", DELETE, schedule="t1:A.B:c822", oracle="x", near=__file__)


def test_what_cannot_be_concluded_does_not_pass(monkeypatch):
    monkeypatch.setattr("toctou.reporting.regression.MAX_SCHEDULES", 1)
    with pytest.raises(RaceIsUndecided, match="max_schedules"):
        assert_race_is_gone(
            "models/delete_item.py:ConditionalDelete", DELETE, schedule="t1:A.B:c822", oracle="ownership"
        )


def test_arguments_come_back_as_they_were(found):
    values = {
        "text": 'it\'s "quoted" \\ \n\u202e {x}',
        "decimal": Decimal("1.50"),
        "binary": b"\x00'",
        "nested": [{"a": (1,)}, {"s"}, frozenset({2}), None, True, float("inf"), set()],
    }
    document = json.loads(json.dumps(found[RACY[0]][0]))
    document["requests"][0]["arguments"] = {name: encode(value) for name, value in values.items()}
    text = pytest_file.render(document)
    assert "from decimal import Decimal\n" in text
    lines = [line.strip().rstrip(",") for line in text.splitlines() if line.strip().startswith("Request.of(")]
    assert eval(lines[0], {"Request": Request, "Decimal": Decimal}).values == values


def test_what_comes_from_items_stays_in_its_comment(found):
    document = json.loads(json.dumps(found[RACY[0]][0]))
    document["explanation"]["headline"] = 'x\nimport os\r"""\u2028' * 20
    document["model"] = "models/x.py:A'); import os; ("
    imported = [node for node in ast.walk(ast.parse(pytest_file.render(document))) if isinstance(node, ast.Import)]
    assert imported == []
