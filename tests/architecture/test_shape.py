"""Modules and functions stay short, have telling names and a docstring, and one function says VERIFIED."""

from __future__ import annotations

import pytest
import shape_rules
from parsed_modules import examples, modules_in


@pytest.mark.parametrize(
    "rule",
    [
        shape_rules.long_modules,
        shape_rules.long_functions,
        shape_rules.empty_names,
        shape_rules.missing_docstrings,
        shape_rules.second_producers_of_verified,
        shape_rules.second_lists_of_actions,
        shape_rules.readers_of_a_handlers_clock,
    ],
    ids=lambda rule: rule.__name__,
)
def test_toctou_and_models_keep_to(rule):
    assert list(rule([*modules_in("checker"), *modules_in("models")])) == []


@pytest.mark.parametrize(
    "rule",
    [shape_rules.long_modules, shape_rules.empty_names, shape_rules.skips_without_a_command],
    ids=lambda rule: rule.__name__,
)
def test_tests_keep_to(rule):
    assert list(rule(modules_in("tests"))) == []


@pytest.mark.parametrize("module", shape_rules.PARSES_VERDICTS)
def test_a_permission_is_still_used(module):
    (found,) = [one for one in modules_in("checker") if one.name == module]
    assert "Verdict(" in found.text


def test_a_long_module_is_found():
    assert list(shape_rules.long_modules(examples({"toctou.example": "x = 1\n" * 601})))
    assert list(shape_rules.long_modules(examples({"toctou.example": "x = 1\n" * 600}))) == []


@pytest.mark.parametrize("head", ["def f():\n", "async def f():\n"])
def test_a_long_function_is_found(head):
    assert list(shape_rules.long_functions(examples({"toctou.example": head + "    x = 1\n" * 80})))
    assert list(shape_rules.long_functions(examples({"toctou.example": head + "    x = 1\n" * 79}))) == []


@pytest.mark.parametrize("name", ["toctou.utils", "toctou.core.thing", "toctou.engine.helpers", "toctou.common"])
def test_an_empty_name_is_found(name):
    assert list(shape_rules.empty_names(examples({name: ""})))
    assert list(shape_rules.empty_names(examples({"toctou.engine.corelation": ""}))) == []


@pytest.mark.parametrize("text", ["", "x = 1", '"""  """'])
def test_a_missing_docstring_is_found(text):
    assert list(shape_rules.missing_docstrings(examples({"toctou.example": text})))


@pytest.mark.parametrize(
    "text",
    [
        "def conclude():\n    return Verdict.VERIFIED",
        "def conclude():\n    return verdict.Verdict.VERIFIED, None",
        "verdict = Verdict.VERIFIED",
        "ScenarioResult(verdict=Verdict.VERIFIED)",
        "replace(result, verdict='VERIFIED')",
        "BY_STATUS = {0: Verdict.VERIFIED}",
        "worst = min(verdicts) if verdicts else Verdict.VERIFIED",
        "def conclude(model, verdict='VERIFIED'): pass",
        "def conclude(expect, *, verdict=Verdict.VERIFIED): pass",
        "verdict = Verdict(text)",
        "verdict = Verdict[name]",
    ],
)
def test_a_second_producer_of_verified_is_found(text):
    assert list(shape_rules.second_producers_of_verified(examples({"toctou.search.example": text})))
    assert list(shape_rules.second_producers_of_verified(examples({"toctou.verdict": text}))) == []


@pytest.mark.parametrize(
    "text",
    [
        "if result.verdict is Verdict.VERIFIED: pass",
        "count = sum(one.verdict == 'VERIFIED' for one in results)",
        "known = verdict in (Verdict.VERIFIED, Verdict.VIOLATED)",
        "STATUS = {Verdict.VERIFIED: 0}\nstatus = STATUS[Verdict.VERIFIED]",
        "match verdict:\n    case Verdict.VERIFIED:\n        pass",
        "def check(self, model, *, expect='VERIFIED', **options): pass",
        "def check(model, expected=Verdict.VERIFIED): pass",
        '"""VERIFIED is said by certify()."""',
    ],
)
def test_comparing_with_verified_is_not(text):
    assert list(shape_rules.second_producers_of_verified(examples({"toctou.search.example": text}))) == []


@pytest.mark.parametrize(
    "text",
    [
        'READS = frozenset({"GetItem", "Query"})',
        'RULES = {"GetItem": 1, "Query": 2}',
        'known = action in ("GetItem", "Query")',
        'match action:\n    case "GetItem" | "Query":\n        pass',
        'match action:\n    case "GetItem":\n        pass\n    case "Query":\n        pass',
    ],
)
def test_a_second_list_of_actions_is_found(text):
    actions = {f"toctou.engine.actions.{name}": "" for name in ("get_item", "query")}
    assert list(shape_rules.second_lists_of_actions(examples({**actions, "toctou.gate.example": text})))
    assert list(shape_rules.second_lists_of_actions(examples({**actions, "toctou.engine.actions.example": text}))) == []


@pytest.mark.parametrize(
    "text",
    [
        "until = time.perf_counter() + 3",
        "f(clock.monotonic_ns())",
        "from time import monotonic",
        "from time import thread_time as now",
    ],
)
def test_a_reader_of_a_handlers_clock_is_found(text):
    assert list(shape_rules.readers_of_a_handlers_clock(examples({"toctou.gate.example": text})))


def test_the_clock_of_the_machine_is_none():
    text = "import time\nfrom toctou import real_time\nuntil = real_time.seconds() + 3\nnow = time.time()"
    assert list(shape_rules.readers_of_a_handlers_clock(examples({"toctou.gate.example": text}))) == []


def test_naming_one_action_is_no_list():
    text = 'answer = perform("GetItem", {"TableName": "Query"})'
    modules = examples({"toctou.engine.actions.get_item": "", "toctou.client.example": text})
    assert list(shape_rules.second_lists_of_actions(modules)) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pytest\npytest.skip('no java')",
        "import pytest\npytest.importorskip('flask')",
        "import pytest\nmark = pytest.mark.skipif(True, reason='no java')",
        "raise NotInstalled(f'no {tool}')",
    ],
)
def test_a_skip_without_a_command_is_found(text):
    assert list(shape_rules.skips_without_a_command(examples({"test_example": text})))
    better = text.replace("no", "`apt-get install java`: no").replace(
        "'flask'", "'flask', reason='`pip install flask`'"
    )
    assert list(shape_rules.skips_without_a_command(examples({"test_example": better}))) == []
