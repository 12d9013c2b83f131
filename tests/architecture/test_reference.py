"""The reference is complete and up to date: it is held against parsers, annotations, signatures, registries and ``__all__``."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from _pytest.config.argparsing import Parser

import toctou
from toctou import App, HttpCall, Model, Service, StopReason, Table, event, handler, invariant, route
from toctou.analysis.anomalies import ANOMALIES
from toctou.cli import SUBCOMMANDS
from toctou.client.backends import BACKENDS
from toctou.declaration.isolation import ISOLATIONS
from toctou.execution.judging import ORACLES, Judged
from toctou.pytest_plugin import pytest_addoption
from toctou.reporting.registry import RENDERERS, formats
from toctou.scheduling.strategies import usages
from toctou.search.options import Options
from toctou.web.api_gateway import EVENTS
from toctou.web.event_sources import SOURCES

GUIDE = Path(__file__).parents[2] / "checker" / "guide"


@cache
def text(name: str) -> str:
    # What waits in a comment is not documented yet.
    return re.sub(r"<!--.*?-->", "", (GUIDE / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def section(heading: str, name: str = "reference.md") -> str:
    """What stands below a heading, up to the next one."""
    _, found, below = text(name).partition(f"\n{heading}\n")
    assert found, f"{name} has no heading {heading}"
    return re.split(r"^#+ ", below, maxsplit=1, flags=re.MULTILINE)[0]


def rows(heading: str, head: str, name: str = "reference.md") -> list[str]:
    """The first column of the table with this head: what stands in backquotes there."""
    lines = section(heading, name).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cell = re.split(r"(?<!\\)\|", line)[1]
        found.append(" ".join(re.findall(r"`([^`]*)`", cell)).replace("\\|", "|"))
    return found


def parser_of(command: str) -> argparse.ArgumentParser:
    subparsers = argparse.ArgumentParser().add_subparsers()
    import_module(f"toctou.cli.{command}").add(subparsers)
    (parser,) = subparsers.choices.values()
    return parser


def names(parser: argparse.ArgumentParser) -> list[str]:
    every = [one for one in parser._actions if not isinstance(one, argparse._HelpAction)]
    return sorted(one.option_strings[-1] if one.option_strings else str(one.metavar) for one in every)


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_every_option_of_every_command_is_described_and_no_other_one(command: str) -> None:
    described = rows(f"### `toctou {command}`", "option")
    if command in ("check", "scan"):
        described = [*described, *rows("### `toctou check`", "option of both")]
    assert sorted(one.split()[0] for one in described) == names(parser_of(command))


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_an_option_that_takes_a_value_says_so(command: str) -> None:
    lines = section(f"### `toctou {command}`") + section("### `toctou check`")
    for option in parser_of(command)._actions:
        if option.option_strings and option.nargs is None:
            assert re.search(rf"^\| `{option.option_strings[-1]} [A-Z][A-Z:\[\]]*` \|", lines, re.MULTILINE), (
                option.option_strings
            )


def test_every_option_and_setting_of_pytest_is_described_and_no_other_one() -> None:
    parser = Parser(_ispytest=True)
    pytest_addoption(parser)
    options = [name for group in parser._groups for one in group.options for name in one.names()]
    described = [one.split()[0] for one in rows("### pytest", "option")]
    assert sorted(one for one in described if one.startswith("--")) == sorted(options)
    settings = {*parser._inidict}
    of_options = {one.removeprefix("--").replace("-", "_") for one in described if one.startswith("--")}
    assert settings - of_options == {one for one in described if not one.startswith("--")}


def annotated(cls: type) -> set[str]:
    return {one for one in inspect.get_annotations(cls) if not one.startswith("_")}


def without_call(described: list[str]) -> set[str]:
    return {one.partition("(")[0] for one in described}


def test_every_attribute_of_a_model_is_described_and_no_other_one() -> None:
    overridden = {"owns", "setup"}
    assert without_call(rows("## Model", "attribute")) == annotated(Model) | overridden
    own = annotated(App) - {"app", "service", "function", "headers"}
    assert without_call(rows("## App", "attribute of `App`")) == own
    # Whatever else a model has is asked of it, not declared by it.
    methods = {name for name in vars(Model) if not name.startswith("_")} - annotated(Model)
    assert methods - overridden == {"handlers", "invariants", "scenarios", "requests"}


def taken(function: Callable[..., Any]) -> list[str]:
    every = inspect.signature(function).parameters.values()
    return [f"**{one.name}" if one.kind is one.VAR_KEYWORD else one.name for one in every]


@pytest.mark.parametrize(
    ("heading", "head", "function", "left_out"),
    [
        ("## Table", "argument", Table, ()),
        ("## Handler", "argument of `handler`", handler, ()),
        ("## Route", "argument of `route`", route, ()),
        ("## Event", "argument of `event`", event, ()),
        ("## Route", "field of `HttpCall`", HttpCall, ()),
        ("## Service", "field of `Service`", Service, ()),
        ("### `machine`", "argument of `machine`", toctou.machine, ("limits",)),
        ("### `assert_race_is_gone`", "argument of `assert_race_is_gone`", toctou.assert_race_is_gone, ()),
    ],
)
def test_every_argument_is_described_and_no_other_one(
    heading: str, head: str, function: Callable[..., Any], left_out: tuple[str, ...]
) -> None:
    # What is left out needs classes that are not public.
    assert sorted(rows(heading, head)) == sorted(one for one in taken(function) if one not in left_out)


def test_every_option_of_check_is_described_and_no_other_one() -> None:
    options = {one.name for one in fields(Options)} - {"budget", "limits"}
    named = {one for one in taken(toctou.check) if not one.startswith("**")}
    assert set(rows("### `check`", "argument of `check`")) == options | named


def test_what_every_source_says_is_described_and_nothing_else() -> None:
    said = {f"{source} {one}" for source, make in SOURCES.items() for one in taken(make)}
    assert {" ".join(one.split()[:2]) for one in rows("### Sources", "said of")} == said


class Everything(Model):
    """Has whatever an oracle may be asked for."""

    tables = [Table("Items", "item_id")]
    owner = "owner"
    function = staticmethod(lambda event, context: None)
    work = event("sqs", messages=["{id}"], id=["i1"], redelivered=True)

    @invariant
    def rule(self, items: Any) -> bool:
        return True


def test_every_oracle_of_the_registry_is_described_and_no_other_one() -> None:
    judged = Judged(Everything, Everything(), lambda order: pytest.fail(str(order)), None)
    found = [[oracle.name for oracle in entry(judged)] for entry in ORACLES]
    assert all(found)  # an entry that makes none of this model would go unnoticed
    named = {name for every in found for name in every} - {"rule"}
    described = rows("## Oracles", "oracle")
    assert {*described} == named | {"@invariant"}
    in_guide = set(rows("## What is judged", "oracle", "verdicts.md"))
    assert in_guide == named | {"@invariant"}


def test_every_public_name_is_described_and_no_other_one() -> None:
    assert sorted(rows("## Public names", "name")) == sorted(toctou.__all__)


def test_every_reason_is_described_and_no_other_one() -> None:
    described = rows("## Why a model is not verified", "stop reason", "verdicts.md")
    assert sorted(one for row in described for one in row.split()) == sorted(StopReason)


def test_every_strategy_backend_and_isolation_is_described_and_no_other_one() -> None:
    assert rows("## Strategies", "strategy") == usages()
    assert rows("## Backends", "backend") == [*BACKENDS, "endpoint=URL"]
    assert sorted(rows("## Isolation", "isolation")) == sorted(ISOLATIONS)


def test_every_kind_of_api_is_described() -> None:
    (row,) = [line for line in section("## Model").splitlines() if line.startswith("| `api` |")]
    assert re.findall(r'`"(\w+)"`', row) == list(EVENTS)


def test_every_format_is_described_and_no_other_one() -> None:
    assert rows("## Formats", "format | | printed by") == formats()
    lines = {line.split("`")[1]: line for line in section("## Formats").splitlines() if line.startswith("| `")}
    for name, line in lines.items():
        assert ("of one violation" in line) == ("run" not in RENDERERS[name].renders)
        printing = [f"`{command}`" for command, kind in PRINTED.items() if name in formats(kind, printed=True)]
        assert line.split("|")[3].strip() == ", ".join(printing)


PRINTED = {"check": "run", "scan": "scan"}
"""What the commands print, by command."""


def test_every_anomaly_is_described_and_no_other_one() -> None:
    assert sorted(rows("## Anomalies", "name", "concepts.md")) == sorted(ANOMALIES)


def test_an_option_that_the_reference_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    shorter = text("reference.md").replace("| `--every-step` |", "| `--all-steps` |")
    monkeypatch.setitem(globals(), "text", lambda name: shorter)
    with pytest.raises(AssertionError):
        test_every_option_of_every_command_is_described_and_no_other_one("check")
