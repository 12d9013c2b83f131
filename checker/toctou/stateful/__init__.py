"""Hypothesis state machines that explore the interleavings of a model's requests.

    from toctou.stateful import machine

    TestReadThenDelete = machine(ReadThenDelete).TestCase

A machine samples; it proves nothing.  It reaches scopes that are too large to be explored exhaustively, shrinks what it
finds, and remembers it in Hypothesis' database.  The verdict ``VERIFIED`` is for ``toctou check`` to give.
"""

from toctou.stateful.failure import Abandoned, RaceFound
from toctou.stateful.machine import machine

__all__ = ["Abandoned", "RaceFound", "machine"]
