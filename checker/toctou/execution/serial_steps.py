"""Decides which request takes the next step where requests run one after the other.

Threads of a request run one after the other too, in some order.  What they do after the answer comes at any time after it, as a
whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from toctou.scheduling.choices import Script


def one_after_the_other(
    order: Sequence[int], enabled: Callable[[], Collection[int]], answered: Collection[int], asked: Script
) -> Iterator[int]:
    """The request of each step; the caller takes it before it asks for the next one.

    Args:
        order: the requests that run, by index.
        enabled: the requests that have not ended.
        answered: those that have answered, as they do so.
        asked: says who goes on where threads of requests that have answered might.
    """
    left, begun = list(order), list[int]()
    while able := [one for one in begun if one in enabled()] + left[:1]:
        following = able[asked.answer(len(able))] if len(able) > 1 else able[0]
        until_answer = following in left
        if until_answer:
            left.remove(following)
            begun.append(following)
        while following in enabled() and not (until_answer and following in answered):
            yield following
