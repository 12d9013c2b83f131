"""Changes of the source that fix a finding, for formats that can hold them.

What computes them needs the sources, and lies elsewhere; it says so by :func:`provided_by`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from toctou.reporting.document import Document


class Replacement(NamedTuple):
    """Whole lines of a file, and the text that comes in their place, without the last line's end.

    Attributes:
        path: as a source's ``file``.
        first, last: from 1, both included.
    """

    path: str
    first: int
    last: int
    text: str


Provider = Callable[[Document], Sequence[tuple[str, int, int, str]]]

_PROVIDERS: list[Provider] = []


def provided_by(provider: Provider) -> None:
    """From now on, what this gives for a finding are its fixes."""
    _PROVIDERS.append(provider)


def fixes_of(finding: Document) -> list[Replacement]:
    """All that is to be replaced to fix a finding; nothing if that is not known."""
    return [Replacement(*one) for provider in _PROVIDERS for one in provider(finding)]
