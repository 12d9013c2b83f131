"""Decides whether anybody but botocore itself listens to an event of a client.

botocore's own listeners serve what does not happen here: signing, retries, endpoint discovery.  Telling them costs more than
performing the operation, so they are told only together with others.  boto3's resource layer does its conversions in such
listeners, and users register theirs; they are always told.
"""

from __future__ import annotations

from typing import Any


def somebody_listens(events: Any, name: str) -> bool:
    """Whether the event must be emitted.

    Looks into the cache in which botocore itself finds the listeners of an event (it is emptied whenever one is registered).
    Where that cache is not what is known of it, the answer is yes.
    """
    try:
        listeners = events._emitter._lookup_cache.get(name)
    except AttributeError:
        return True
    if listeners is None:  # nobody has emitted this event yet
        return True
    return not all(getattr(listener, "__module__", "").startswith("botocore.") for listener in listeners)
