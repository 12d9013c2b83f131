"""What handlers print where pytest runs them: in our failures and reports, and not among what pytest has captured."""

from __future__ import annotations

import json

import pytest
from written_models import RACY

LOUD = RACY.replace(
    "        notes.put_item",
    """\
        print("has read", note["count"])
        logging.getLogger("shop").error("logged")
        notes.put_item""",
)
LOUD = f"import logging\nlogging.getLogger('shop').addHandler(logging.StreamHandler())\n{LOUD}"
SECTION = [
    "OUTPUT OF THE HANDLERS",
    "  A.1   stdout  after the call: has read 0",
    "        stderr  after the call: logged",
    "  B.1   stdout  after the call: has read 0",
    "        stderr  after the call: logged",
]
FIXTURE = "def test_racy(toctou):\n    toctou.check(Racy)\n"
MACHINE = "from toctou.stateful import machine\nTestRacy = machine(Racy).TestCase\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a model that prints."""
    monkeypatch.setenv("COLUMNS", "200")
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider\n")
    pytester.makepyfile(racy=LOUD)
    return pytester


@pytest.mark.parametrize(("test", "capture"), [(FIXTURE, "fd"), (FIXTURE, "sys"), (FIXTURE, "no"), (MACHINE, "fd")])
def test_a_failure_shows_it_at_its_steps(project: pytest.Pytester, test: str, capture: str) -> None:
    project.makepyfile(test_it=f"from racy import Racy\n{test}")
    result = project.runpytest_subprocess(f"--capture={capture}", "-p", "no:logging")
    result.assert_outcomes(failed=1)
    shown = result.stdout.str()
    section = shown[shown.index("OUTPUT OF THE HANDLERS") :].splitlines()
    # Which request reads first differs between the two; what each says does not.
    assert sorted(section[1:5], key=lambda line: line.replace("A", "B")) == sorted(
        SECTION[1:], key=lambda line: line.replace("A", "B")
    )
    outside = shown.replace("\n".join(section[:5]), "") + result.stderr.str()
    assert "has read" not in outside.replace('print("has read"', "")
    assert "Captured std" not in shown


def test_it_can_be_left_out(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=f"from racy import Racy\n{FIXTURE}")
    result = project.runpytest_subprocess("--toctou-no-output")
    result.assert_outcomes(failed=1)
    assert "OUTPUT OF THE HANDLERS" not in result.stdout.str()
    (report,) = (project.path / "reports/pytest").glob("*.json")
    assert "output" not in json.loads(report.read_text())
