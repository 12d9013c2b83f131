"""Which ``Host`` a request may name: this machine's own names, so that no page of the web reaches a server on loopback.

A page can make a browser send requests to any address by giving its own name that address (DNS rebinding); such a request
names the page's host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping


def names_this_machine(headers: Mapping[str, str], also: Collection[str] = ()) -> bool:
    """Whether a request is for a loopback address, for ``localhost``, or for one of the names given.

    A request without ``Host`` is none of a browser's, and may pass.
    """
    if "host" not in headers:
        return True
    host = host_of(headers["host"])
    if host == "localhost" or host.endswith(".localhost") or host in also:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(header: str) -> str:
    """The host in a ``Host`` header, without its port and the brackets of an IPv6 address, in lower case."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].removesuffix(".")
