"""Updates: what an update expression makes of an item.

Every operand is looked up in the item as it was.  The item is never changed: what an update touches is rebuilt, the rest is
shared with the old item.  Elements that are set beyond the end of a list are appended in the order of their indices, and
elements are removed last, from the highest index down, so that indices always mean places in the old list.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from toctou.engine.expressions.compiled import CACHE_SIZE, Compiled, Compiler, descend, top_level, value_getter
from toctou.engine.expressions.meaning import check_update
from toctou.engine.expressions.overlaps import Overlaps
from toctou.engine.expressions.parser import parse_update
from toctou.engine.expressions.placeholders import Names, Steps, Values
from toctou.engine.expressions.projections import branches_of, part_of
from toctou.engine.expressions.tree import SetValue, Update
from toctou.engine.expressions.update_operands import (
    WRONG_TYPE,
    SetOperand,
    check_section,
    combined,
    difference_of,
    increment_of,
    set_operand,
    sum_of,
)
from toctou.engine.service_error import validation
from toctou.engine.values import Item, Value

Image = Mapping[str, Value]
NewValue = Callable[[Image, Values], Value | None]
"""The value to store at a path; ``None`` to remove it."""


class UpdateAction:
    """One action: where, and what to store there.

    Attributes:
        section: ``SET``, ``REMOVE``, ``ADD`` or ``DELETE``.
        steps: the path.
        reads: the top-level attributes that its operands read; ``ADD`` and ``DELETE`` read their own.
        increment: for ``ADD`` and ``SET n = n + :x``: the placeholder that is added.
        guarded: for ``SET n = if_not_exists(n, :zero) + :x``: it also looks whether the attribute is there.
    """

    __slots__ = ("guarded", "increment", "new_value", "reads", "section", "steps")

    def __init__(self, section: str, steps: Steps, new_value: NewValue, reads: frozenset[str]) -> None:
        self.section = section
        self.steps = steps
        self.new_value = new_value
        self.reads = reads
        self.increment: str | None = None
        self.guarded = False


class CompiledUpdate(Compiled):
    """An update; ``apply`` makes a new item of an old one.

    Attributes:
        actions: its actions in the order written.
        written: the top-level attributes they store or remove.
        deepens: whether it can nest a value deeper than the request itself nests it.
    """

    __slots__ = ("_flat", "_new", "_old", "actions", "deepens", "written")

    def __init__(self, compiler: Compiler, actions: list[UpdateAction]) -> None:
        super().__init__(compiler)
        self.actions = tuple(actions)
        self.written = tuple(dict.fromkeys(top_level(action.steps) for action in actions))
        flat = all(len(action.steps) == 1 for action in actions)
        self._flat = tuple((top_level(action.steps), action.new_value) for action in actions) if flat else ()
        self.deepens = any(len(action.steps) > 1 for action in actions) or bool(self.reads)
        self._old = branches_of(action.steps for action in actions)
        self._new = branches_of(action.steps for action in actions if action.section != "REMOVE")

    def apply(self, image: Image, values: Values) -> Item:
        """The item after the update.

        Raises:
            ServiceError: an operand is missing or of the wrong type, or a path does not lead anywhere.
        """
        new = dict(image)
        if self._flat:
            for name, new_value in self._flat:
                value = new_value(image, values)
                if value is None:
                    new.pop(name, None)
                else:
                    new[name] = value
            return new
        for action in self.actions:
            _check_parent(new, action.steps)
        return _store(new, [(action.steps, action.new_value(image, values)) for action in self.actions])

    def updated_old(self, before: Image) -> Item:
        """What ``UPDATED_OLD`` returns: the part of the old item at the paths of this update, and nothing around it."""
        return part_of(before, self._old)

    def updated_new(self, after: Image) -> Item:
        """What ``UPDATED_NEW`` returns: the same of the new item, without what was removed."""
        return part_of(after, self._new)


def compiled_update(text: str, names: Names) -> CompiledUpdate:
    """An update for its text and names, from the cache where possible; raises ``ServiceError`` if it is wrong."""
    return _compile(text, tuple(names.items()))


@lru_cache(maxsize=CACHE_SIZE)
def _compile(text: str, names: tuple[tuple[str, str], ...]) -> CompiledUpdate:
    kind = "UpdateExpression"
    tree: Update = parse_update(kind, text)
    check_update(kind, tree)
    compiler = Compiler(kind, dict(names), in_turn=True)
    overlaps = Overlaps(compiler.resolver)
    targets: list[Steps] = []
    # The service checks the paths first, clause by clause from the last; then at the values, from the last.
    sections = [section for section, _, _ in tree.actions]
    for section in reversed(dict.fromkeys(sections)):
        found = [compiler.path(path) for own, path, _ in tree.actions if own == section]
        for steps in found:
            overlaps.add(steps)
        targets = found + targets
    earlier = compiler.resolver.fault
    actions: list[UpdateAction] = []
    for (section, _, value), steps in reversed(list(zip(tree.actions, targets, strict=True))):
        actions.insert(0, _action(compiler, section, steps, value))
        compiler.keep_fault(earlier)
    return CompiledUpdate(compiler, actions)


def _action(compiler: Compiler, section: str, steps: Steps, value: SetValue | None) -> UpdateAction:
    attribute = frozenset({top_level(steps)})
    if value is None:
        return UpdateAction(section, steps, lambda _, __: None, frozenset())
    if section == "SET":
        outside, compiler.reads = compiler.reads, set()
        operand: SetOperand = set_operand(compiler, value)
        action = UpdateAction(section, steps, operand, frozenset(compiler.reads))
        compiler.reads |= outside
        action.increment, action.guarded = increment_of(compiler, steps, value)
        return action
    operand_name = set_value_name(compiler, value)
    compiler.reads |= attribute
    check_section(compiler, operand_name, section)
    adds = section == "ADD"
    new_value = combined(steps, value_getter(operand_name), sum_of if adds else difference_of, WRONG_TYPE, starts=adds)
    action = UpdateAction(section, steps, new_value, attribute)
    action.increment = operand_name if adds else None
    return action


def set_value_name(compiler: Compiler, value: SetValue) -> str:
    """The placeholder that the grammar demands after ``ADD`` and ``DELETE``."""
    name: str = value.name  # type: ignore[union-attr]  # the parser takes nothing else there
    return compiler.value(name)


def _store(new: Item, changes: list[tuple[Steps, Value | None]]) -> Item:
    rebuilt: dict[Steps, Value] = {}
    # What is not there now must not be taken for what is appended to its list.
    removed = [steps for steps, value in changes if value is None and _there(new, steps)]
    stored = [(steps, value) for steps, value in changes if value is not None]
    for steps, value in sorted(stored, key=lambda change: change[0][-1] if isinstance(change[0][-1], int) else -1):
        _put(new, rebuilt, steps, value)
    # Removing from the back keeps the indices of what is still to be removed.
    for steps in sorted(removed, key=_descending, reverse=True):
        _take_out(new, rebuilt, steps)
    return new


def _there(item: Item, steps: Steps) -> bool:
    return descend(item.get(top_level(steps)), steps[1:]) is not None


def _descending(steps: Steps) -> tuple[tuple[int, str], ...]:
    return tuple((step, "") if isinstance(step, int) else (0, step) for step in steps)


def _check_parent(new: Item, steps: Steps) -> None:
    if len(steps) > 1:
        parent = descend(new.get(top_level(steps)), steps[1:-1])
        if parent is None or ("M" if isinstance(steps[-1], str) else "L") not in parent:
            raise validation("The document path provided in the update expression is invalid for update")


def _parent(new: Item, rebuilt: dict[Steps, Value], steps: Steps) -> Value:
    """The map or list that holds the last step, rebuilt (once) together with everything above it."""
    above = steps[:-1]
    if above in rebuilt:
        return rebuilt[above]
    if len(above) == 1:
        old = new[top_level(above)]
        fresh = _copied(old)
        new[top_level(above)] = fresh
    else:
        holder = _parent(new, rebuilt, above)
        step = above[-1]
        content = holder["M"] if isinstance(step, str) else holder["L"]
        fresh = _copied(content[step])
        content[step] = fresh
    rebuilt[above] = fresh
    return fresh


def _copied(value: Value) -> Value:
    return {"M": dict(value["M"])} if "M" in value else {"L": list(value["L"])}


def _put(new: Item, rebuilt: dict[Steps, Value], steps: Steps, value: Value) -> None:
    last = steps[-1]
    if len(steps) == 1:
        new[top_level(steps)] = value
        return
    parent = _parent(new, rebuilt, steps)
    if isinstance(last, str):
        parent["M"][last] = value
    elif last < len(parent["L"]):
        parent["L"][last] = value
    else:
        parent["L"].append(value)


def _take_out(new: Item, rebuilt: dict[Steps, Value], steps: Steps) -> None:
    last = steps[-1]
    if len(steps) == 1:
        new.pop(top_level(steps))
        return
    parent = _parent(new, rebuilt, steps)
    if isinstance(last, str):
        parent["M"].pop(last)
    else:
        del parent["L"][last]
