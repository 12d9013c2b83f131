"""Kinds of picks, in the order in which a schedule's text names them; a new one is a file here and a line below."""

from toctou.history.picks.concurrent_call import CONCURRENT_CALL
from toctou.history.picks.pick_kind import PickKind
from toctou.history.picks.staleness import STALENESS

KINDS: tuple[PickKind, ...] = (CONCURRENT_CALL, STALENESS)
