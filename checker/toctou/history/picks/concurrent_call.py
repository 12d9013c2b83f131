"""Which of several concurrent calls of one request is performed, in an order that depends on what the calls are."""

from toctou.history.picks.pick_kind import PickKind

CONCURRENT_CALL = PickKind(
    name="concurrent_call",
    symbol="+",
    alternatives="concurrent calls",
    outcome=False,
    weight=0,
)
