"""Rules on the size, the name and the text of modules, on who may say VERIFIED or list actions, and on whose clock is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from parsed_modules import Module

LONGEST_MODULE = 600
LONGEST_FUNCTION = 80
EMPTY_NAMES = frozenset({"utils", "util", "core", "common", "manager", "managers", "helpers", "helper", "misc"})

PARSES_VERDICTS = {"toctou.cli.check": "reads the verdicts that a user expects; it concludes nothing"}
"""Modules that may call ``Verdict(text)``, with the reason."""

OF_A_HANDLER = frozenset({"monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime"})
"""Functions of ``time`` that follow a handler's clock while one runs, with and without ``_ns``."""

READS_THE_CLOCK = {"toctou.real_time": "has a second instance of `time`, which follows nothing"}
"""Modules that may call them, with the reason."""

LISTS_ACTIONS = {
    "toctou.analysis.wording": "analysis judges histories of any backend, and may not import the engine",
    "toctou.analysis.cause": "as above",
    "toctou.client.patched_calls": "puts calls together from the writes of transactions",
    "toctou.reporting.summary": "words the outcome of two actions",
}
"""Modules outside the registry that may list actions by name, with the reason."""


def long_modules(modules: Sequence[Module]) -> Iterator[str]:
    """A module that grows past the ceiling is two modules."""
    for module in modules:
        if module.lines > LONGEST_MODULE:
            yield f"{module.name} has {module.lines} lines; the ceiling is {LONGEST_MODULE}"


def long_functions(modules: Sequence[Module]) -> Iterator[str]:
    """So is a function."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    yield f"{module.name}.{node.name} has {lines} lines; the ceiling is {LONGEST_FUNCTION}"


def empty_names(modules: Sequence[Module]) -> Iterator[str]:
    """A module's name says what is in it."""
    for module in modules:
        for part in module.name.split("."):
            if part in EMPTY_NAMES:
                yield f"{module.name}: {part!r} says nothing of what is in it"


def missing_docstrings(modules: Sequence[Module]) -> Iterator[str]:
    """A module opens with what it decides."""
    for module in modules:
        if not (ast.get_docstring(module.tree) or "").strip():
            yield f"{module.name} has no docstring"


def second_producers_of_verified(modules: Sequence[Module]) -> Iterator[str]:
    """Only ``toctou.verdict`` concludes VERIFIED; all others compare with it, or look something up by it."""
    for module in modules:
        if module.name == "toctou.verdict":
            continue
        accessed = _looked_at(module.tree)
        for node in ast.walk(module.tree):
            if _says_verified(node) and id(node) not in accessed:
                yield f"{module.name}:{node.lineno} produces VERIFIED; only toctou.verdict.certify may"  # type: ignore[attr-defined]
            elif _constructs_verdict(node) and module.name not in PARSES_VERDICTS:
                yield f"{module.name}:{node.lineno} makes a Verdict of a value; only toctou.verdict may"  # type: ignore[attr-defined]


def readers_of_a_handlers_clock(modules: Sequence[Module]) -> Iterator[str]:
    """While a handler runs, these functions of ``time`` tell its own clock, which stands still for whoever waits by it."""
    for module in modules:
        if module.name in READS_THE_CLOCK:
            continue
        imported = [(one.line, one.name) for one in module.imports() if one.module == "time"]
        called = [
            (node.lineno, node.func.attr)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        ]
        for line, name in (*imported, *called):
            if name is not None and name.removesuffix("_ns") in OF_A_HANDLER:
                yield f"{module.name}:{line} reads a handler's clock by {name}; toctou.real_time has the machine's"


def second_lists_of_actions(modules: Sequence[Module]) -> Iterator[str]:
    """What there is to know of an action is in its record; other lists of actions are derived from the records."""
    registry = "toctou.engine.actions."
    names = {
        "".join(word.capitalize() for word in module.name.removeprefix(registry).split("_"))
        for module in modules
        if module.name.startswith(registry)
    }
    for module in modules:
        if module.name.startswith(registry) or module.name in LISTS_ACTIONS:
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Set | ast.List | ast.Tuple | ast.Dict | ast.MatchOr | ast.Match):
                listed = sorted(names & set(_listed(node)))
                if len(listed) > 1:
                    yield f"{module.name} lists {', '.join(listed)}; derive it from toctou.engine.ACTIONS"


def _listed(node: ast.Set | ast.List | ast.Tuple | ast.Dict | ast.MatchOr | ast.Match) -> Iterator[object]:
    parts: Sequence[ast.AST | None]
    if isinstance(node, ast.Dict):
        parts = node.keys
    elif isinstance(node, ast.MatchOr):
        parts = node.patterns
    elif isinstance(node, ast.Match):
        parts = [case.pattern for case in node.cases]
    else:
        parts = node.elts
    for part in parts:
        constant = part.value if isinstance(part, ast.MatchValue) else part
        if isinstance(constant, ast.Constant):
            yield constant.value


def _says_verified(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "VERIFIED"
    return isinstance(node, ast.Constant) and node.value == "VERIFIED"


def _constructs_verdict(node: ast.AST) -> bool:
    constructed = node.func if isinstance(node, ast.Call) else node.value if isinstance(node, ast.Subscript) else None
    return isinstance(constructed, ast.Name | ast.Attribute) and ast.unparse(constructed).split(".")[-1] == "Verdict"


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        yield argument.arg, default
    for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if given is not None:
            yield argument.arg, given


def _looked_at(tree: ast.Module) -> set[int]:
    """Nodes that are compared with, matched, looked up, used as keys or expected; they produce nothing."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            parts = list(node.keys)
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.arguments):
            parts = [default for name, default in _defaults(node) if name.startswith("expect")]
        for part in parts:
            if isinstance(part, ast.Tuple | ast.List | ast.Set):
                found.update(map(id, part.elts))
            elif part is not None:
                found.add(id(part))
    return found


SKIPPING = {"skip": 0, "skipif": None, "importorskip": None, "SkipTest": 0, "NotInstalled": 0}
"""What leads to a skipped test, and which positional argument says why; without one it is ``reason``."""


def skips_without_a_command(modules: Sequence[Module]) -> Iterator[str]:
    """Who reads why a test was skipped is told, in backquotes, what to type to have it run."""
    for module in modules:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called not in SKIPPING:
                continue
            at = SKIPPING[called]
            given = [one.value for one in node.keywords if one.arg == "reason"] or (
                [] if at is None else node.args[at : at + 1]
            )
            if given and isinstance(given[0], ast.Call):
                continue  # the text of a NotInstalled, which is looked at where it is raised
            if not given or ast.unparse(given[0]).count("`") < 2:
                yield f"{module.name}:{node.lineno} skips without a command that would make the test run"
