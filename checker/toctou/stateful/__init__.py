"""Hypothesis state machines that explore the interleavings of a model's requests.

    from toctou.stateful import machine

    TestReadThenDelete = machine(ReadThenDelete).TestCase

A machine samples; it proves nothing.  It reaches scopes that are too large to explore exhaustively, shrinks what it finds, and
stores it in Hypothesis' database.  Only ``toctou check`` gives the verdict ``VERIFIED``.
"""

from toctou.stateful.failure import Abandoned, RaceFound
from toctou.stateful.machine import machine

__all__ = ["Abandoned", "RaceFound", "machine"]
