"""The plugin as its users meet it: pytest, run on files of theirs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import configuration, core
from written_models import FIXED, NEVER_WRITES, RACY, Ended

# A session in this process forgets what it has imported first; so that none has to import all of this anew, it is imported here.
import toctou.checking.check
import toctou.cli.check
import toctou.cli.replay
import toctou.client.moto_backend
import toctou.reporting.findings
import toctou.reporting.single
import toctou.reporting.text
import toctou.stateful  # noqa: F401
from toctou.cli import main

# What makes Hypothesis choose its profile for CI, which remembers no examples: the project is a developer's.
SIGNS_OF_CI = ("CI", "TF_BUILD", "bamboo.buildKey", "BUILDKITE", "CIRCLECI", "CIRRUS_CI", "CODEBUILD_BUILD_ID")
SIGNS_OF_CI += (
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "HEROKU_TEST_RUN_ID",
    "TEAMCITY_VERSION",
    "__TOX_ENVIRONMENT_VARIABLE_ORIGINAL_CI",
)
UNRAISABLE = ("-p", "no:unraisableexception")
HEAVY = ("boto3", "botocore", "greenlet", "hypothesis", "moto", "networkx", "rich")


@pytest.fixture
def project(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, not_a_worker: None
) -> Iterator[pytest.Pytester]:
    """A project with a racy model, a fixed one and one that never writes."""
    monkeypatch.setenv("COLUMNS", "200")  # the last line of a test's failure is cut to the terminal's width
    for sign in SIGNS_OF_CI:
        monkeypatch.delenv(sign, raising=False)
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = -p no:cacheprovider\n")
    pytester.makepyfile(racy=RACY, fixed=FIXED, never=NEVER_WRITES)
    # What is remembered of examples stays in the project.  Hypothesis decides where, and by which seed, once in a process.
    monkeypatch.setattr(core, "global_force_seed", None)
    parsed = configuration.storage_directory("constants")
    parsed.create_if_missing()
    own = pytester.path / ".hypothesis"
    own.mkdir()
    (own / "constants").symlink_to(parsed.path)  # of our sources, which need a second to be parsed
    configuration.set_hypothesis_home_dir(own)
    yield pytester
    configuration.set_hypothesis_home_dir(parsed.home_directory)


def run(project: pytest.Pytester, test: str, *arguments: str, apart: bool = False) -> pytest.RunResult:
    """Run pytest on a test; ``apart`` in a process of its own, for what Hypothesis keeps per process."""
    project.makepyfile(test_it=f"from fixed import Fixed\nfrom never import NeverWrites\nfrom racy import Racy\n{test}")
    # Here, what cannot be raised is a failure of the test that runs the session; looking for it takes half a second more.
    return project.runpytest_subprocess(*arguments) if apart else project.runpytest_inprocess(*UNRAISABLE, *arguments)


def reports(project: pytest.Pytester, directory: str = "reports/pytest") -> list[Path]:
    return sorted((project.path / directory).glob("*.json"))


@pytest.fixture
def replay(project: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> Callable[[str], Ended]:
    """Runs the first replay command of an output, in the project."""

    def run(output: str) -> Ended:
        command = re.search(r"toctou (replay \S+)", output)
        assert command is not None, output
        capsys.readouterr()
        status = main(command[1].split())
        written = capsys.readouterr()
        return Ended(status, written.out, written.err)

    return run


def test_a_verified_model_passes_and_returns_its_result(project):
    result = run(
        project,
        "def test_fixed(toctou):\n"
        "    result = toctou.check(Fixed, requests=2)\n"
        "    assert (result.verdict, result.model) == ('VERIFIED', 'fixed.py:Fixed')",
    )
    result.assert_outcomes(passed=1)
    assert reports(project) == []
    result.stdout.no_fnmatch_line("=* toctou *=")


def test_a_violated_model_fails_with_an_explanation_that_can_be_replayed(project, replay):
    result = run(project, "def test_racy(toctou):\n    toctou.check(Racy)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_racy*",
            "VIOLATED  racy.py:Racy",
            "WHAT HAPPENED*",
            "  toctou replay reports/pytest/test_it.py_test_racy.Racy-*-1.json",
            "CODE",
            "WHY THIS SHOULD NOT HAVE BEEN POSSIBLE",
            "* toctou *",
            "medium *  * ×2: lost update",
            "  racy.py:* reads → racy.py:* puts",
            "  1 violation of linearizability in racy.py:Racy",
            "    toctou replay reports/pytest/*",
            "FAILED test_it.py::test_racy - Failed: VIOLATED  racy.py:Racy",
        ]
    )
    assert "checker/" not in result.stdout.str()
    again = replay(result.stdout.str())
    assert again.status == 1, again.err
    assert "WHAT HAPPENED" in again.out


def test_a_report_is_written_in_every_format_and_replaced_by_the_next_run(project):
    test = "def test_racy(toctou):\n    toctou.check(Racy)"
    run(project, test, "--toctou-report", "out")
    first = {path.name for path in (project.path / "out").iterdir()}
    assert {Path(name).suffix for name in first} >= {".json", ".txt", ".html"}
    run(project, test, "--toctou-report", "out")
    assert {path.name for path in (project.path / "out").iterdir()} == first


def test_a_session_that_runs_at_the_same_time_keeps_its_reports(project):
    """The other one is begun and ended by a test of this one, so that the two overlap."""
    other = "def test_racy(toctou):\n    toctou.check(Racy)"
    begun = """
import subprocess, sys
def test_racy(toctou):
    try:
        toctou.check(Racy)
    finally:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "other.py::test_racy"]
        print(subprocess.run(command, capture_output=True, text=True).stdout)
"""
    project.makepyfile(other=f"from racy import Racy\n{other}")
    result = run(project, begun, "-rA")
    told = set(re.findall(r"toctou replay (\S+)", result.stdout.str()))
    assert {str(Path(one).parent) for one in told} == {"reports/pytest", "reports/pytest/2"}
    assert all((project.path / one).exists() for one in told)


def test_reports_stand_beside_those_of_the_command(project):
    run(project, "def test_racy(toctou):\n    toctou.check(Racy)")
    assert main(["check", "racy.py"]) == 1
    assert any("test_it" in path.name for path in reports(project))


def test_handlers_that_are_racy_on_purpose(project):
    result = run(project, "def test_racy(toctou):\n    assert toctou.check(Racy, expect='VIOLATED').violations")
    result.assert_outcomes(passed=1)
    assert reports(project) == []


def test_a_race_that_is_gone_although_it_was_expected(project):
    result = run(project, "def test_fixed(toctou):\n    toctou.check(Fixed, expect='VIOLATED')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expected VIOLATED", "VERIFIED  fixed.py:Fixed"])


def test_a_model_of_which_nothing_can_be_concluded_fails_with_the_reason(project):
    result = run(project, "def test_never(toctou):\n    toctou.check(NeverWrites)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE  never.py:NeverWrites  never_writes", "  increment: *"])
    assert "Traceback" not in result.stdout.str()


def fail(*_: object, **__: object) -> None:
    raise LookupError("something that cannot be")


@pytest.mark.parametrize(
    ("part", "outcome"),
    [
        (
            "toctou.counterexample.presentation.explain",
            "*the explanation failed: LookupError: something that cannot be*",
        ),
        ("toctou.reporting.text.violation_lines", "*failed: LookupError: something that cannot be*"),
        ("toctou.reporting.run_text.finding_lines", "the list of findings failed: LookupError: something*"),
        ("toctou.execution.laboratory.Laboratory.execute", "*INCONCLUSIVE*internal_error*"),
    ],
)
def test_a_fault_of_ours_ends_no_session_and_is_no_pass(project, monkeypatch, part, outcome):
    monkeypatch.setattr(part, fail)
    of_model = "execute" in part or "explain" in part
    expect = f", expect='{'INCONCLUSIVE' if 'execute' in part else 'VIOLATED'}'" if of_model else ""
    result = run(project, f"def test_racy(toctou):\n    toctou.check(Racy{expect})\ndef test_other():\n    pass")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([outcome])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("toctou.check(Racy, request=3)", "toctou.check has no option 'request'"),
        ("toctou.check(Racy, backend='dynamo')", "there is no backend 'dynamo'"),
        ("toctou.check(Racy, requests=0)", "0 concurrent requests"),
        ("toctou.check(Racy())", "is not a model"),
    ],
)
def test_bad_input_says_what_to_do(project, call, told):
    result = run(project, f"def test_racy(toctou):\n    {call}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{told}*"])
    result.stdout.fnmatch_lines(["*expected: *"])


def test_options_and_settings(project):
    test = (
        "def test_scope(toctou):\n"
        "    result = toctou.check(Fixed)\n"
        "    assert (len(result.scenarios), 'backend moto' in result.covered) == (3, True)\n"
        "    assert len(toctou.check(Fixed, requests=1, backend='embedded').scenarios) == 1"
    )
    run(project, test, "--toctou-requests", "3", "--toctou-backend", "moto").assert_outcomes(passed=1)
    run(project, test).assert_outcomes(failed=1)
    project.makeini("[pytest]\ntoctou_requests = 3\ntoctou_backend = moto\ntoctou_report = elsewhere\n")
    run(project, test).assert_outcomes(passed=1)
    run(project, "def test_racy(toctou):\n    toctou.check(Racy, backend='embedded')").assert_outcomes(failed=1)
    assert reports(project, "elsewhere")


@pytest.mark.parametrize("number", ["0", "many"])
def test_a_number_of_requests_that_is_none(project, number):
    result = run(project, "def test_fixed(toctou):\n    toctou.check(Fixed)", "--toctou-requests", number)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    project.makeini(f"[pytest]\ntoctou_requests = {number}\n")
    result = run(project, "def test_fixed(toctou):\n    toctou.check(Fixed)")
    result.stdout.fnmatch_lines([f"*toctou_requests is '{number}'*"])


def test_workers_of_xdist_write_reports_of_their_own_and_the_controller_lists_them(project):
    """Also those of machines; one of a fixed model passes, with health checks and a deadline."""
    result = run(
        project,
        "import pytest\n"
        "from hypothesis import settings\n"
        "from toctou.stateful import machine\n"
        "@pytest.mark.parametrize('turn', ['a/b', 'a_b', 'c', 'd'])\n"
        "def test_racy(toctou, turn):\n"
        "    toctou.check(Racy)\n"
        "def test_fixed(toctou):\n"
        "    toctou.check(Fixed)\n"
        "TestFixed = machine(Fixed).TestCase\nTestFixed.settings = settings(deadline=5000, max_examples=30)\n"
        "TestRacy = machine(Racy).TestCase\n",
        "-n",
        "2",
        apart=True,
    )
    result.assert_outcomes(failed=5, passed=2)
    summary = result.stdout.str().rpartition("= toctou =")[2]
    assert summary.count(" ×2: lost update") == 1
    assert "  5 violations of linearizability" in summary
    assert len({path.name for path in reports(project)}) == 5
    listed = set(re.findall(r"^  toctou replay (\S+)$", result.stdout.str(), re.MULTILINE))
    assert listed == {path.relative_to(project.path).as_posix() for path in reports(project)}
    assert all(json.loads(path.read_text())["kind"] == "violation" for path in reports(project))
    result.stdout.fnmatch_lines(["  toctou replay reports/pytest/test_it.py_TestRacy_runTest.Racy-*-1.json"])


def test_a_test_that_goes_elsewhere_prints_a_command_for_where_pytest_was_started(project, replay):
    result = run(
        project,
        "def test_racy(toctou, tmp_path, monkeypatch):\n    monkeypatch.chdir(tmp_path)\n    toctou.check(Racy)",
    )
    result.stdout.fnmatch_lines(["VIOLATED  racy.py:Racy", "  toctou replay reports/pytest/*"])
    assert replay(result.stdout.str()).status == 1


def test_an_expected_failure_stays_one(project):
    result = run(
        project, "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_racy(toctou):\n    toctou.check(Racy)"
    )
    result.assert_outcomes(xfailed=1)


def test_junit_reports_carry_the_explanation(project):
    run(project, "def test_racy(toctou):\n    toctou.check(Racy)", "--junitxml", "junit.xml")
    assert "WHAT HAPPENED" in (project.path / "junit.xml").read_text(encoding="utf-8")


def test_without_the_plugin_other_tests_are_as_they_were(project):
    project.makepyfile(test_it="def test_one():\n    assert True\n")
    project.runpytest_subprocess("-p", "no:toctou").assert_outcomes(passed=1)


def test_tests_that_use_nothing_of_ours_load_nothing_of_ours(project):
    project.makepyfile(
        test_it="import sys\ndef test_one():\n"
        f"    assert [one for one in {HEAVY!r} if one in sys.modules] == []\n"
        "    assert 'toctou.checking.check' not in sys.modules\n"
    )
    project.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


MACHINE = "from toctou.stateful import machine\nTestRacy = machine(Racy).TestCase\n"


def test_a_machine_fails_with_our_explanation_and_the_steps_of_hypothesis(project, replay):
    result = run(project, MACHINE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*TestRacy.runTest*",
            "VIOLATED  racy.py:Racy",
            "WHAT HAPPENED*",
            "  toctou replay reports/pytest/test_it.py_TestRacy_runTest.Racy-*-1.json",
            "STEPS OF HYPOTHESIS",
            "*state.step(name=*, start=alice: increment())",
            "*state.step(advance=*)",
            "* toctou *",
            "    toctou replay reports/pytest/*",
        ]
    )
    shown = result.stdout.str()
    assert "checker/" not in shown
    assert "Traceback" not in shown
    again = replay(shown)
    assert again.status == 1, again.err
    assert "WHAT HAPPENED" in again.out


SETTINGS = "from hypothesis import Phase, settings\nTestRacy.settings = settings"
ONLY_REMEMBERED = f"{MACHINE}{SETTINGS}(phases=[Phase.reuse], deadline=None)\n"


def test_hypothesis_remembers_and_prints_how_to_reproduce(project):
    result = run(project, f"{MACHINE}{SETTINGS}(print_blob=True, deadline=None, phases=[Phase.generate])\n", apart=True)
    result.stdout.fnmatch_lines(["STEPS OF HYPOTHESIS", "*@reproduce_failure(*"])
    run(project, ONLY_REMEMBERED, apart=True).assert_outcomes(failed=1)
    shutil.rmtree(project.path / ".hypothesis")
    run(project, ONLY_REMEMBERED).assert_outcomes(skipped=1)


def test_hypothesis_takes_a_seed(project):
    seeded = f"{MACHINE}{SETTINGS}(database=None, deadline=None, phases=[Phase.generate])\n"
    shown = [run(project, seeded, "--hypothesis-seed=7", apart=True).stdout.str() for _ in range(2)]
    steps = [re.findall(r"^  state\.step.*$", one, re.MULTILINE) for one in shown]
    assert steps[0] == steps[1] != []


def test_a_machine_whose_handler_leaves_control_says_so_at_once(project):
    result = run(
        project,
        "from toctou.stateful import machine\n"
        "class Reaching(Racy):\n"
        "    def setup(self):\n"
        "        pass\n"
        "from toctou import handler\n"
        "@handler\n"
        "def reach(principal):\n"
        "    open('reached.txt', 'w')\n"
        "Reaching.reach = reach\n"
        "TestReaching = machine(Reaching).TestCase\n",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE  test_it.py:Reaching", "*reached the file 'reached.txt'*"])
    assert "Traceback" not in result.stdout.str()


def test_a_machine_under_unittest_explains_itself(project):
    project.makepyfile(test_it=f"from racy import Racy\n{MACHINE}{SETTINGS}(phases=[Phase.generate])\n")
    ended = subprocess.run(
        [sys.executable, "-m", "unittest", "test_it"], cwd=project.path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "VIOLATED  racy.py:Racy  linearizability" in ended.stderr
    assert "schedule  t1:" in ended.stderr
    assert "state.step(" in ended.stderr
