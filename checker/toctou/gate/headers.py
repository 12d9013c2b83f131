"""Decides which headers the requests of a principal carry, by what a model, or its service, declares.

A declaration is told apart by its values: texts are headers of every principal, mappings are those of the principal that is their
key, and a function makes them from the principal, such as a token.  ``{principal}`` is replaced in every value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from toctou.errors import ModelError

Headers = Mapping[str, str] | Mapping[str, Mapping[str, str]] | Callable[..., Mapping[str, str]]
"""As declared: for every principal, by principal, or made from the principal."""

PRINCIPAL = "{principal}"

_EXAMPLE = 'for example headers = {"X-User": "{principal}"}, or headers = {"alice": {"X-User": "u-17"}, "bob": {…}}'


def headers_of(where: str, declared: Any, principal: str) -> dict[str, str]:
    """The headers of a principal's requests; none for one that a declaration by principal leaves out.

    Args:
        where: whose declaration it is, for errors.
        declared: see :data:`Headers`; a function as it is to be called.
        principal: who the requests act for.

    Raises:
        ModelError: the function makes something else.
    """
    if callable(declared):
        made = declared(principal)
        if not _are_texts(made):
            raise ModelError(
                f"`headers` of {where} returned {made!r} for {principal}",
                expected="a mapping from names of headers to texts",
                remedy='for example def headers(self, principal): return {"Authorization": f"Bearer {token(principal)}"}',
            )
        return dict(made)
    texts = declared if _are_texts(declared) else declared.get(principal, {})
    return {name: value.replace(PRINCIPAL, principal) for name, value in texts.items()}


def check_headers(
    where: str, declared: Any, principals: Collection[str] | None = None, *, all_of_them: bool = False
) -> None:
    """Check a declaration before anything runs.

    Args:
        where: whose declaration it is, for errors.
        declared: see :data:`Headers`.
        principals: of the model; ``None`` if they are not known here.
        all_of_them: a declaration by principal has to name every one.

    Raises:
        ModelError: it is none, or names others than the principals.
    """
    if callable(declared):
        return
    if _are_texts(declared):
        if principals and declared and declared.keys() <= {*principals}:
            raise ModelError(
                f"`headers` of {where} names principals, and no headers of theirs: {declared!r}",
                expected="headers, or for each principal a mapping of them",
                remedy=_EXAMPLE,
            )
        return
    if not isinstance(declared, Mapping) or not all(
        isinstance(key, str) and _are_texts(one) for key, one in declared.items()
    ):
        raise ModelError(
            f"`headers` of {where} is {declared!r}",
            expected="a mapping from names of headers to texts, one such mapping for each principal, or a function that makes "
            "it from the principal",
            cause="a value that is no text, or headers and principals in one mapping"
            if isinstance(declared, Mapping)
            else "",
            remedy=_EXAMPLE,
        )
    if principals is None:
        return
    unknown = [one for one in declared if one not in principals]
    missing = [one for one in principals if one not in declared] if all_of_them else []
    if unknown or missing:
        raise ModelError(
            f"`headers` of {where} has {'no headers for ' + repr(missing[0]) if missing else repr(unknown[0])}",
            expected=f"headers for each principal: {', '.join(principals)}",
            cause="a slip in a name; the requests would not say who calls",
            remedy="give each principal its headers; {} for one that sends none",
        )


def _are_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair)
