"""How oracles and explanations write one request, one value and one change, so that both use the same words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from toctou.history.footprint import ALL, EXISTENCE
from toctou.history.item import PLACES, TIMES, AttributeValue, Change, Image, plain_value
from toctou.history.literals import literal
from toctou.history.request import Request, ThreadOf, label

LONGEST_VALUE = 60
MOST_ATTRIBUTES = 3


def who(requests: Sequence[Request], index: int) -> str:
    """The name of a request: its principal, or ``A (alice)`` if several requests have the same principal."""
    request = requests[index]
    if isinstance(request, ThreadOf):
        return request.name
    principal = request.principal
    alone = sum(one.principal == principal for one in requests) == 1
    return principal if alone else f"{label(index)} ({principal})"


def value_text(value: AttributeValue | None) -> str:
    """One stored value, at most :data:`LONGEST_VALUE` characters; ``nothing`` for a missing attribute."""
    if value is None:
        return "nothing"
    text = literal(plain_value(value))
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def listed(words: Iterable[str]) -> str:
    """Words joined as prose: ``a``, ``a and b``, ``a, b and c``; ``nothing`` if there are none."""
    *front, last = [*words] or ["nothing"]
    return f"{', '.join(front)} and {last}" if front else last


def attribute_words(attributes: Iterable[str]) -> tuple[str, ...]:
    """Readable names of attributes, sorted, existence first."""
    names = {EXISTENCE: "its existence", ALL: "every attribute"}
    return tuple(names.get(name, name) for name in sorted(attributes))


def changed_attributes(change: Change) -> tuple[str, ...]:
    """The attributes that differ, sorted; first ``EXISTENCE`` if the item was created or removed."""
    before, after = change.before or {}, change.after or {}
    names = [EXISTENCE] if (change.before is None) != (change.after is None) else []
    return (*names, *sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def change_text(change: Change, about: Iterable[str] | None = None) -> str:
    """A change in the past tense: ``changed owner of Items[i1] from 'alice' to 'bob'``.

    Args:
        about: the attributes to mention; ``None`` for all that changed.
    """
    if change.before is None and change.item.service:
        return f"put {value_text({'S': change.item.key[0][1]})} into {change.item.table}"
    if change.before is None:
        return f"created {change.item}"
    if change.after is None:
        return f"removed {change.item}"
    wanted = None if about is None else set(about)
    names = [name for name in changed_attributes(change) if wanted is None or name in wanted]
    if not names:
        return f"wrote {change.item}"
    if change.item.service and names and {*names} <= {TIMES, PLACES} and _times(change.before) < _times(change.after):
        return f"put {value_text({'S': change.item.key[0][1]})} into {change.item.table} once more"
    if len(names) == 1:
        return _attribute_text(change, names[0], str(change.item))
    parts = [_attribute_text(change, name) for name in names]
    if len(parts) > MOST_ATTRIBUTES:
        parts[MOST_ATTRIBUTES:] = [f"changed {len(parts) - MOST_ATTRIBUTES} more"]
    # Say each verb once: "changed a from … to …, b from … to …".  From the back, so that the verbs in front are still there.
    for index in reversed(range(1, len(parts))):
        verb, _, rest = parts[index].partition(" ")
        parts[index] = rest if parts[index - 1].startswith(verb) else parts[index]
    return f"{listed(parts)} in {change.item}"


def _times(image: Image) -> int:
    return int(image.get(TIMES, {}).get("N", 0))


def _attribute_text(change: Change, name: str, item: str = "") -> str:
    before, after = (change.before or {}).get(name), (change.after or {}).get(name)
    if after is None:
        return f"removed {name} from {item}" if item else f"removed {name}"
    of = f" of {item}" if item else ""
    if before is None:
        return f"set {name}{of} to {value_text(after)}"
    return f"changed {name}{of} from {value_text(before)} to {value_text(after)}"
