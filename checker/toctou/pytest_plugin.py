"""Decides how pytest users meet toctou: the fixture ``toctou``, its options, and what a failure looks like.

    def test_orders(toctou):
        toctou.check(Orders, requests=3)

A failure shows our explanation and the command that replays it, whether it comes from the fixture or from a state machine of
:mod:`toctou.stateful`.  This module is loaded in every pytest run wherever toctou is installed, so it does
nothing and imports nothing of ours until a test uses it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toctou.declaration.imports_of_tests import ModelsFinder

if TYPE_CHECKING:
    from toctou.counterexample.violation import Violation
    from toctou.declaration.model import Model
    from toctou.reporting.acceptance import Policy
    from toctou.reporting.document import Document
    from toctou.search.result import ModelResult
    from toctou.stateful.failure import RaceFound

_FOUND = "toctou_found"
"""Attribute of a test's report: the documents of its violations.  pytest-xdist hands it to the controller."""

_FINDER = pytest.StashKey[ModelsFinder]()
_RECORDING = pytest.StashKey[bool]()
_LEVELS = ("any", "low", "medium", "high", "critical")
_NOTES = pytest.StashKey[list[str]]()
_NOTED = "toctou_noted"
"""Attribute of a test's report: what the summary says of what is accepted."""


class CheckFailed(AssertionError):
    """A model's verdict is not the one that was expected; the text says why.

    Attributes:
        documents: of the violations, if there are any.
    """

    def __init__(self, text: str, documents: Sequence[Document] = ()) -> None:
        super().__init__(text)
        self.documents = documents


class Toctou:
    """What the fixture ``toctou`` is."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def check(self, model: type[Model] | str, *, expect: str = "VERIFIED", **options: Any) -> ModelResult:
        """Explore every scenario of a model's scope; return the result if the verdict is the expected one.

        Args:
            model: the model's class, or where it is as for ``toctou check``: ``"orders_model.py:Orders"``.
            expect: the verdict that should come out; ``VIOLATED`` for handlers that are racy on purpose.  A model whose findings
                are all accepted, or below ``--toctou-fail-on``, does for ``VERIFIED``.
            options: fields of :class:`toctou.search.options.Options`, for example ``requests=3``; also
                ``max_schedules`` and ``max_seconds``.  ``requests`` and ``backend`` default to pytest's options.

        Raises:
            CheckFailed: another verdict came out, the model or an option cannot be used, or toctou itself has failed somewhere.
        """
        __tracebackhide__ = True
        from toctou.errors import ToctouError  # noqa: PLC0415 - see the module's docstring

        with _at_home(self._config):
            try:
                checked = _model(model)
                result = _checked(checked, self._config, options)
                accepting = _policy(self._config)
                passes, failing = _outcome(self._config, accepting, result, checked, options)
                if (result.verdict == expect or (passes and expect == "VERIFIED")) and not result.faults:
                    return result
                documents = _written(self._config, _test_name(), result.model, result.title, result.violations)
                documents = failing(documents) if expect == "VERIFIED" else documents
                raise CheckFailed(_failure_text(result, expect, documents), documents)
            except ToctouError as fault:
                raise CheckFailed(str(fault)) from None


@pytest.fixture(scope="session")
def toctou(pytestconfig: pytest.Config) -> Toctou:
    """Check models for races: ``toctou.check(Model, requests=2)``."""
    return Toctou(pytestconfig)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; each has an ini setting of the same name, with underscores."""
    group = parser.getgroup("toctou", "toctou: races in handlers that use DynamoDB")
    group.addoption(
        "--toctou-backend", metavar="NAME", help="backend of toctou.check: embedded (default), moto, or endpoint=URL"
    )
    group.addoption(
        "--toctou-requests",
        metavar="N",
        type=_at_least_one,
        help="concurrent requests, where toctou.check does not say how many (default 2)",
    )
    group.addoption("--toctou-report", metavar="DIR", help="where reports are written (default reports/pytest)")
    group.addoption(
        "--toctou-no-output",
        action="store_true",
        default=None,
        help="keep what handlers print out of reports, such as secrets",
    )
    group.addoption(
        "--toctou",
        action="store_true",
        default=None,
        help="record the requests of the tests, and interleave them afterwards",
    )
    group.addoption(
        "--toctou-seconds",
        metavar="S",
        type=float,
        help="how long recorded requests are interleaved, after the tests (default 60; 0 for the table of windows only)",
    )
    group.addoption(
        "--toctou-fail-on",
        metavar="LEVEL",
        choices=_LEVELS,
        help="fail for findings of this severity or higher: critical, high, medium, low, any (default: any in a model; none of "
        "recorded requests)",
    )
    group.addoption(
        "--toctou-baseline",
        metavar="FILE",
        help="findings that are accepted (default: toctou-baseline.json if it is there, or baseline of [tool.toctou])",
    )
    group.addoption(
        "--toctou-entry",
        metavar="MODULE:NAME",
        action="append",
        help="functions to which requests of the tests go, besides Lambda functions and test clients: module:function, module:*",
    )
    group.addoption("--toctou-principal", metavar="PLACE", help="where requests say who calls, such as headers.x-user")
    group.addoption("--toctou-owner", metavar="ATTRIBUTE", help="the attribute of an item that says whose it is")
    parser.addini("toctou", "record the requests of the tests", type="bool", default=False)
    parser.addini("toctou_seconds", "how long recorded requests are interleaved", default="60")
    parser.addini("toctou_fail_on", "fail for findings of this severity or higher", default="")
    parser.addini("toctou_baseline", "findings that are accepted", default="")
    parser.addini("toctou_entry", "functions to which requests of the tests go", type="linelist", default=[])
    parser.addini("toctou_principal", "where requests say who calls", default="")
    parser.addini("toctou_owner", "the attribute of an item that says whose it is", default="")
    parser.addini("toctou_backend", "backend of toctou.check", default="embedded")
    parser.addini("toctou_requests", "concurrent requests, where toctou.check does not say how many", default="2")
    parser.addini("toctou_no_output", "keep what handlers print out of reports", type="bool", default=False)
    parser.addini("toctou_report", "where reports are written", default="reports/pytest")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """From here on, modules that use toctou are imported with nothing sent; also where a conftest.py imports them."""
    _find_models(early_config)
    _record(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """The same, where the plugin is loaded later."""
    _find_models(config)
    _record(config)


def _find_models(config: pytest.Config) -> None:
    if config.stash.get(_FINDER, None) is None:
        finder = config.stash[_FINDER] = ModelsFinder()
        sys.meta_path.insert(0, finder)
        config.add_cleanup(lambda: sys.meta_path.remove(finder) if finder in sys.meta_path else None)


def _record(config: pytest.Config) -> None:
    """Begin to record, before any module of the application is imported."""
    asked = config.known_args_namespace.toctou
    if not (config.getini("toctou") if asked is None else asked) or config.stash.get(_RECORDING, False):
        return
    config.stash[_RECORDING] = True
    from toctou.pytest_recording import RecordingPlugin  # noqa: PLC0415 - see the module's docstring

    named = config.known_args_namespace.toctou_entry or config.getini("toctou_entry")
    plugin = RecordingPlugin(
        config,
        list(named),
        principal=_known_setting(config, "toctou_principal"),
        owner=_known_setting(config, "toctou_owner"),
        seconds=_seconds(config),
        fail_on=_level(config),
        baseline=str(_known_setting(config, "toctou_baseline")),
        options=_given(config),
        directory=str(_known_setting(config, "toctou_report")),
    )
    config.pluginmanager.register(plugin, "toctou-recording")
    plugin.begin()
    config.add_cleanup(plugin.end)


def _given(config: pytest.Config) -> list[str]:
    """The options that say what is recorded, as they were given; settings are read again."""
    given = config.known_args_namespace
    named = [f"--toctou-entry={one}" for one in given.toctou_entry or ()]
    return [*named, *([f"--toctou-principal={given.toctou_principal}"] if given.toctou_principal else [])]


def _level(config: pytest.Config) -> str:
    level = str(_known_setting(config, "toctou_fail_on"))
    if level and level not in _LEVELS:
        raise pytest.UsageError(f"toctou_fail_on is {level!r}; expected one of {', '.join(_LEVELS)}")
    return level


def _seconds(config: pytest.Config) -> float:
    setting = _known_setting(config, "toctou_seconds")
    try:
        seconds = float(setting)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise pytest.UsageError(f"toctou_seconds is {setting!r}; expected a number of seconds, 0 for no interleaving")
    return seconds


def _known_setting(config: pytest.Config, name: str) -> Any:
    value = getattr(config.known_args_namespace, name)
    return config.getini(name) if value is None else value


def pytest_exception_interact(call: pytest.CallInfo[Any], report: pytest.CollectReport | pytest.TestReport) -> None:
    """Let a module that cannot be imported show what we say of it instead of a stack."""
    if isinstance(report, pytest.CollectReport) and call.excinfo is not None and _is_told(call.excinfo.value):
        report.longrepr = str(call.excinfo.value)


def _is_told(failure: BaseException) -> bool:
    errors = sys.modules.get("toctou.errors")
    return errors is not None and isinstance(failure, errors.TargetError)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a failure of ours show its explanation instead of a stack of internals."""
    report = yield
    if call.excinfo is not None and report.failed:
        shown = _shown_or_fault(item, call.excinfo.value)
        if shown is not None:
            text, documents = shown
            if excuse := _excuse(item, call.excinfo.value, documents):  # as of any other failure that is expected
                report.outcome, report.wasxfail = "skipped", excuse
            else:
                report.longrepr = item.repr_failure(_without_stack(text))
                setattr(report, _FOUND, list(documents))
    if call.when == "call" and (noted := item.config.stash.get(_NOTES, [])):
        setattr(report, _NOTED, [*noted])
        noted.clear()
    return report


def _excuse(item: pytest.Item, failure: BaseException, documents: Sequence[Document]) -> str:
    """Why what a state machine has found fails nothing; ``""`` if it does, or for any other failure."""
    if isinstance(failure, CheckFailed) or not documents:
        return ""
    from toctou.reporting.tested import excused  # noqa: PLC0415 - see the module's docstring

    return excused(_policy(item.config), documents)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the findings of all tests, one per cause, most severe first."""
    reports = [one for reports in terminalreporter.stats.values() for one in reports]
    found = [one for report in reports for one in getattr(report, _FOUND, ())]
    noted = dict.fromkeys(line for report in reports for line in getattr(report, _NOTED, ()))
    if not found and not noted:
        return
    from toctou.errors import contained  # noqa: PLC0415 - see the module's docstring

    terminalreporter.section("toctou")
    for line in noted:
        terminalreporter.write_line(line)
    faults: list[str] = []  # which must not end pytest, whose own report is still to come
    contained("the list of findings", lambda: _summarise(terminalreporter, found), None, faults)
    for fault in faults:
        terminalreporter.write_line(fault, red=True)


def _summarise(terminalreporter: pytest.TerminalReporter, found: Sequence[Document]) -> None:
    from toctou.reporting.findings import findings  # noqa: PLC0415
    from toctou.reporting.run_text import finding_lines  # noqa: PLC0415
    from toctou.reporting.wrapping import hung, terminal_columns  # noqa: PLC0415

    for finding in findings(found):
        title, *lines = finding_lines(finding, finding["replay"])
        for line in hung([title], terminal_columns()):
            terminalreporter.write_line(line.plain, red=True)
        for line in hung(lines, terminal_columns()):
            terminalreporter.write_line(line.plain)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _setting(config: pytest.Config, name: str) -> Any:
    value = config.getoption(name)
    return config.getini(name) if value is None else value


def _requests(config: pytest.Config) -> int:
    setting = _setting(config, "toctou_requests")
    try:
        return _at_least_one(setting)
    except (ValueError, argparse.ArgumentTypeError):
        raise pytest.UsageError(f"toctou_requests is {setting!r}; expected a whole number of at least 1") from None


@contextlib.contextmanager
def _at_home(config: pytest.Config) -> Iterator[None]:
    """Where pytest was started: a test may be elsewhere, but a command that is printed is for the person's shell."""
    with contextlib.chdir(config.invocation_params.dir):
        yield


def _test_name() -> str:
    """What the running test is called; a session's fixture is one object for all of them."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]


def _policy(config: pytest.Config) -> Policy:
    from toctou.reporting.tested import policy  # noqa: PLC0415

    baseline = str(_setting(config, "toctou_baseline"))
    return policy(_level(config), baseline, Path(config.invocation_params.dir))


def _outcome(
    config: pytest.Config, accepting: Policy, result: ModelResult, model: type[Model], options: dict[str, Any]
) -> tuple[bool, Callable[[Sequence[Document]], list[Document]]]:
    """Whether what is accepted lets a model pass, and what chooses the documents of violations that do not."""
    from toctou.reporting.tested import failing, judged, notes  # noqa: PLC0415

    run = judged(accepting, result, model, options)
    config.stash.setdefault(_NOTES, []).extend(notes(run))
    return run["outcome"]["exit_status"] == 0, lambda documents: failing(accepting, documents, run)


def _model(model: type[Model] | str) -> type[Model]:
    from toctou.declaration.model import Model  # noqa: PLC0415
    from toctou.errors import BadInput  # noqa: PLC0415

    if isinstance(model, str):
        model = _loaded(model)
    if not (isinstance(model, type) and issubclass(model, Model)):
        raise BadInput(f"{model!r} is not a model", expected="a class that derives from toctou.Model, or file.py:Model")
    return model


def _checked(model: type[Model], config: pytest.Config, options: dict[str, Any]) -> ModelResult:
    from toctou.checking.check import check_model  # noqa: PLC0415
    from toctou.errors import BadInput  # noqa: PLC0415
    from toctou.search.options import Options  # noqa: PLC0415

    known = {*(field.name for field in dataclasses.fields(Options)), "max_schedules", "max_seconds"}
    if unknown := sorted(options.keys() - known):
        raise BadInput(f"toctou.check has no option {unknown[0]!r}", expected=", ".join(sorted(known)))
    options.setdefault("requests", _requests(config))
    options.setdefault("backend", _setting(config, "toctou_backend"))
    return check_model(model, **options)


def _loaded(target: str) -> type[Model]:
    from toctou.client.environment import environment_of_import  # noqa: PLC0415
    from toctou.declaration.loading import load  # noqa: PLC0415
    from toctou.errors import TargetError  # noqa: PLC0415

    with environment_of_import():
        models = load([target])
    if len(models) > 1:
        raise TargetError(f"{target} holds {len(models)} models", expected="one", remedy=f"name it: {models[0].name}")
    return models[0].model


def _written(
    config: pytest.Config, test: str, model: str, title: str, violations: Sequence[Violation]
) -> list[Document]:
    from toctou.reporting.single import write_found  # noqa: PLC0415

    if _setting(config, "toctou_no_output"):
        violations = [
            dataclasses.replace(one, execution=dataclasses.replace(one.execution, output=())) for one in violations
        ]
    # pytest-xdist gives all workers of a session the same identifier.
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"process {os.getpid()}"
    directory = Path(_setting(config, "toctou_report"))
    return write_found(directory, test, model, title, violations, session=session)


def _failure_text(result: ModelResult, expect: str, documents: Sequence[Document]) -> str:
    """The clearest violation of the most severe cause in full, and a summary of each other cause."""
    from toctou.errors import contained  # noqa: PLC0415

    lines = [] if expect == "VERIFIED" else [f"expected {expect}"]
    faults = list(result.faults)
    lines += contained("the text of the violations", lambda: _violation_lines(documents), [], faults)
    lines += faults
    if not documents:
        lines += [f"{result.verdict}  {result.model}" + (f"  {result.stop_reason}" if result.stop_reason else "")]
        lines += [f"  {line}" for line in result.detail.splitlines()]
        lines += [f"  {handler}: {reason}" for handler, reason in result.unreached]
        lines += [f"  {result.covered}"]
    return "\n".join(lines)


def _violation_lines(documents: Sequence[Document]) -> list[str]:
    from toctou.reporting.findings import findings  # noqa: PLC0415
    from toctou.reporting.run_text import finding_lines  # noqa: PLC0415
    from toctou.reporting.wrapping import hung, terminal_columns  # noqa: PLC0415

    lines = [*_text(documents[0])] if documents else []
    for finding in findings(documents)[1:]:
        shown = hung(finding_lines(finding, finding["replay"]), terminal_columns() - 2)
        lines += ["also:", *(f"  {line.plain}" for line in shown)]
    return lines


def _text(document: Document) -> Sequence[str]:
    from toctou.reporting.output import section  # noqa: PLC0415
    from toctou.reporting.text import render_violation  # noqa: PLC0415
    from toctou.reporting.wrapping import terminal_columns  # noqa: PLC0415

    return [
        render_violation(document, width=terminal_columns()),
        *(f"{line}\n" for line in ["\n".join(section(document))] if line),
    ]


def _shown_or_fault(item: pytest.Item, failure: BaseException) -> tuple[str, Sequence[Document]] | None:
    """See :func:`_shown`; a fault of ours must not end pytest, so it becomes a part of the text."""
    if "toctou.errors" not in sys.modules:  # then the failure is none of ours
        return None
    from toctou.errors import ToctouError, contained  # noqa: PLC0415 - see the module's docstring

    faults: list[str] = []
    try:
        shown = contained("the report", lambda: _shown(item, failure), None, faults)
    except ToctouError as fault:  # such as a directory that cannot be written to
        return f"{failure}\n{fault}", ()
    return (f"{failure}\n{faults[0]}", ()) if faults else shown


def _shown(item: pytest.Item, failure: BaseException) -> tuple[str, Sequence[Document]] | None:
    """The text of a failure of ours and the documents of its violations; ``None`` for any other."""
    if isinstance(failure, CheckFailed):
        return str(failure), failure.documents
    if "toctou.stateful" not in sys.modules:
        return None
    from toctou.stateful.failure import Abandoned, RaceFound  # noqa: PLC0415

    if isinstance(failure, Abandoned):
        return f"INCONCLUSIVE  {failure.loaded.name}\n{failure}", ()
    if isinstance(failure, RaceFound):
        with _at_home(item.config):
            return _race(item, failure)
    return None


def _race(item: pytest.Item, failure: RaceFound) -> tuple[str, Sequence[Document]]:
    loaded = failure.loaded
    title = (loaded.model.__doc__ or "").strip().partition("\n")[0]
    documents = _written(item.config, item.nodeid, loaded.name, title, [failure.confirmed()])
    steps = [f"  {line}" for note in failure.steps for line in note.splitlines()]
    why = [f"{failure.isolation}\n"] if failure.isolation else []
    return "\n".join([*_text(documents[0]), *why, "STEPS OF HYPOTHESIS", *steps]), documents


def _without_stack(text: str) -> pytest.ExceptionInfo[BaseException]:
    try:
        pytest.fail(text, pytrace=False)
    except pytest.fail.Exception as failure:
        return pytest.ExceptionInfo.from_exception(failure)
