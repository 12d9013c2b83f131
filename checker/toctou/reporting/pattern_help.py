"""What people are told of a pattern: what goes wrong, an example, and the fix, as Markdown.

The texts are those of the guide, of which the package has a copy (``patterns.md``), so that every format can show them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata, resources

_HEADING = re.compile(r"^## `(?P<key>\w+)`\n", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->\n", re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_FENCE = re.compile(r"^```\w*(?:\n|$)", re.MULTILINE)


@cache
def pattern_texts() -> Mapping[str, str]:
    """Markdown by the key of the pattern, without a heading."""
    whole = resources.files("toctou.reporting").joinpath("patterns.md").read_text(encoding="utf-8")
    _, *parts = _HEADING.split(_COMMENT.sub("", whole))
    return {key: text.strip() for key, text in zip(parts[::2], parts[1::2], strict=True)}


def pattern_markdown(key: str) -> str:
    """What goes wrong, an example, and the fix."""
    texts = pattern_texts()
    return texts.get(key) or texts["unnamed"]


def pattern_plain(key: str) -> str:
    """The same without marks."""
    prose, *rest = _FENCE.split(pattern_markdown(key))
    code, others = rest[::2], rest[1::2]
    pairs = zip(code, others, strict=True)
    return _unmarked(prose) + "".join(f"{lines}{_unmarked(text)}" for lines, text in pairs)


def _unmarked(text: str) -> str:
    return _LINK.sub(r"\1", text).replace("*", "").replace("`", "")


@cache
def guide_address() -> str:
    """The address of the guide in the repository that the package names as its own; ``""`` if it names none."""
    try:
        named = metadata.metadata("toctou").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return ""
    addresses = dict(one.split(", ", 1) for one in named if ", " in one)
    repository = addresses.get("Repository") or addresses.get("Source") or ""
    return f"{repository.rstrip('/')}/blob/main/checker/guide/patterns.md" if repository else ""
