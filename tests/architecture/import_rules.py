"""Rules on who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

import networkx as nx
from parsed_modules import Module, imported_module

FLOORS: Sequence[frozenset[str]] = (
    frozenset({"errors", "verdict", "history", "specification", "real_time"}),
    frozenset({"engine", "scheduling", "analysis"}),
    frozenset({"wire", "oracles", "openapi"}),
    frozenset({"client", "gate", "server", "web"}),
    frozenset({"declaration"}),
    frozenset({"execution"}),
    frozenset({"counterexample"}),
    frozenset({"search"}),
    frozenset({"distribution"}),
    frozenset({"remediation"}),
    frozenset({"checking"}),
    frozenset({"stateful", "scan"}),
    frozenset({"recording"}),
    frozenset({"reporting", "drafting"}),
    frozenset({"", "cli", "pytest_plugin", "pytest_recording", "pytest_drafting"}),
)
"""Units of ``toctou`` by floor, lowest first; ``""`` is ``toctou/__init__.py``.  The same table is in DESIGN.md."""

OPEN_FLOORS = frozenset({0, len(FLOORS) - 1})
"""Where units may import each other: their modules lie in ``toctou`` itself and count as one package."""

HOMES: Mapping[str, tuple[str, ...]] = {
    "greenlet": ("toctou.scheduling.runner",),
    "networkx": ("toctou.analysis",),
    "time_machine": ("toctou.scheduling.control",),
    "jinja2": ("toctou.reporting",),
    "libcst": ("toctou.remediation.source_edits",),
    "hypothesis": ("toctou.stateful", "toctou.openapi.values"),
    "jsonschema": ("toctou.openapi",),
    "referencing": ("toctou.openapi",),
    "yaml": ("toctou.openapi.reading",),
    "werkzeug": ("toctou.web",),
    "moto": ("toctou.client.moto_backend", "toctou.client.moto_services", "toctou.client.performed_again"),
    "boto3": ("toctou.client",),
    "botocore": ("toctou.client",),
    "httptools": ("toctou.wire",),
    "dask": ("toctou.distribution.dask_executor",),
    "distributed": ("toctou.distribution.dask_executor",),
}
"""Libraries that one module or package has to itself, so that replacing one is a change in one place."""

PRIVATE_ON_PURPOSE: Mapping[tuple[str, str], str] = {
    (
        "toctou.scheduling.control",
        "random._urandom",
    ): "`random` binds os.urandom at import; SystemRandom reads this name",
    ("toctou.client.while_importing", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.scheduling.event_loop", "asyncio._get_running_loop"): "documented for makers of event loops",
    ("toctou.scheduling.event_loop", "asyncio._set_running_loop"): "documented for makers of event loops",
    ("toctou.scheduling.event_loop", "asyncio.tasks._enter_task"): "documented for makers of event loops",
    ("toctou.scheduling.event_loop", "asyncio.tasks._leave_task"): "documented for makers of event loops",
    ("toctou.scheduling.clock_functions", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.scheduling.event_loop", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.scheduling.scratch_files", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.scheduling.runner", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.scheduling.blocking", "_thread"): "the types of locks that wait within C",
    ("toctou.scheduling.blocking", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.execution.earlier_threads", "sys._current_frames"): "documented by Python, underscore and all",
    ("toctou.scheduling.strand", "sys._current_frames"): "documented by Python, underscore and all",
    ("toctou.scheduling.strands", "_thread"): "locks that no replacement of `threading` reaches",
    ("toctou.scheduling.strands", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.scheduling.thread_starts", "_thread"): "what `threading` starts threads with",
    ("toctou.scheduling.thread_starts", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.scheduling.units", "asyncio._get_running_loop"): "documented for makers of event loops",
    (
        "toctou.scheduling.units",
        "concurrent.futures.thread._WorkItem",
    ): "a function that was sent to a pool has no other name",
    ("toctou.scheduling.units", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.gate.zygote", "os._exit"): "documented by Python, for what a fork has made",
    (
        "toctou.client.moto_services",
        "moto.moto_api._internal.mock_random",
    ): "moto's documentation has it seeded over HTTP, which is the same",
    (
        "toctou.client.moto_services",
        "moto.core.base_backend.BackendDict._instances",
    ): "which services are in use: asking for all of them would import all of moto",
    ("toctou.client.moto_services", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.client.escapes", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.client.intercept", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.client.recorded_calls", "sys._getframe"): "documented by Python, underscore and all",
    ("toctou.recording.surroundings", "unittest.mock._patch"): "what `patch` returns has no other name",
    ("toctou.recording.surroundings", "unittest.mock._patch_dict"): "what `patch.dict` returns has no other name",
}
"""Foreign names with an underscore that are used all the same, with the reason."""


def unit_of(module: str) -> str:
    """``history`` for ``toctou.history.item``, ``""`` for ``toctou``."""
    return module.partition(".")[2].partition(".")[0]


def floor_of(module: str) -> int | None:
    """The floor that a module of ``toctou`` is on; ``None`` if its unit is on none."""
    unit = unit_of(module)
    return next((floor for floor, units in enumerate(FLOORS) if unit in units), None)


def upward_imports(modules: Sequence[Module]) -> Iterator[str]:
    """An import points to a lower floor, or stays within its package."""
    names = {module.name for module in modules}
    for module in modules:
        floor = floor_of(module.name)
        if floor is None:
            yield f"{module.name} is on no floor: give {unit_of(module.name)!r} its place in DESIGN.md and in this table"
            continue
        for one in module.imports():
            target = imported_module(one, names)
            if target.partition(".")[0] != "toctou" or unit_of(target) == unit_of(module.name):
                continue
            below = floor_of(target)
            if below is None:
                yield f"{module.name}:{one.line} imports {target}, which is on no floor"
            elif below > floor:
                yield f"{module.name}:{one.line} on floor {floor} imports {target} on floor {below}"
            elif below == floor and floor not in OPEN_FLOORS:
                yield f"{module.name}:{one.line} imports its neighbour {target}; both are on floor {floor}"


def import_cycles(modules: Sequence[Module]) -> Iterator[str]:
    """No module imports itself through others."""
    names = {module.name for module in modules}
    graph = nx.DiGraph()
    for module in modules:
        for one in module.imports():
            target = imported_module(one, names)
            if target in names and target != module.name:
                graph.add_edge(module.name, target)
    for group in nx.strongly_connected_components(graph):
        if len(group) > 1:
            cycle = nx.find_cycle(graph.subgraph(group))
            yield " → ".join([*(edge[0] for edge in cycle), cycle[-1][1]])


def foreign_private_names(modules: Sequence[Module]) -> Iterator[str]:
    """A name that begins with an underscore is used by its own module only."""
    for module in modules:
        for line, name in _private_uses(module):
            if (module.name, name) not in PRIVATE_ON_PURPOSE:
                yield f"{module.name}:{line} uses {name}, which is private to another module"


def unused_permissions(modules: Sequence[Module]) -> Iterator[str]:
    """A permission that nothing uses any more is removed from the table."""
    used = {(module.name, name) for module in modules for _, name in _private_uses(module)}
    for module, name in sorted(set(PRIVATE_ON_PURPOSE) - used):
        yield f"{module} no longer uses {name}"


def _private_uses(module: Module) -> Iterator[tuple[int, str]]:
    bound: dict[str, str] = {}
    for one in module.imports():
        if any(map(_private, one.full.split("."))):
            yield one.line, one.full
        bound[one.alias] = one.full if one.name is not None or one.alias == one.module else one.module.partition(".")[0]
        if one.name is None and one.alias not in one.module.split("."):
            bound[one.alias] = one.module
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and _private(node.attr):
            root = _dotted(node.value)
            if root.partition(".")[0] in bound:
                first, dot, rest = root.partition(".")
                yield node.lineno, f"{bound[first]}{dot}{rest}.{node.attr}"


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def second_homes(modules: Sequence[Module]) -> Iterator[str]:
    """A library with a home is imported there only."""
    for module in modules:
        for one in module.imports():
            homes = HOMES.get(one.module.partition(".")[0])
            if homes and not any(module.name == home or module.name.startswith(f"{home}.") for home in homes):
                yield f"{module.name}:{one.line} imports {one.module}, which belongs to {' and '.join(homes)}"


def beyond_public_names(modules: Sequence[Module], public: Collection[str]) -> Iterator[str]:
    """Models use the public names of ``toctou``, as the models of a stranger do."""
    for module in modules:
        for one in module.imports():
            if one.module.partition(".")[0] == "toctou" and (one.module != "toctou" or one.name not in public):
                yield f"{module.name}:{one.line} imports {one.full}, which is not public; public names are in toctou.__all__"
