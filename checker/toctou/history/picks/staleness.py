"""Which result an eventually consistent read returns: 0 for the newest, 1 for the one before, and so on."""

from toctou.history.picks.pick_kind import PickKind

STALENESS = PickKind(
    name="staleness",
    symbol="~",
    alternatives="results of an eventually consistent read",
    outcome=True,
    weight=1,
    settles=True,
    unconfirmable="it never returns a stale result, so it was not asked",
)
