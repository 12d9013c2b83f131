"""The file of accepted findings, ``toctou-baseline.json``: what it holds, where it is found, and how it is written.

An entry names a finding by its fingerprint; everything else in it is for people, but for ``expires`` (the last day on which it is
accepted) and for what says whether a run could have found it again: its model, handler, number of requests and kind of reads.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from toctou.errors import BadInput
from toctou.reporting.document import Document
from toctou.reporting.model_names import relative_path
from toctou.reporting.titles import finding_title
from toctou.reporting.write import write_atomically

NAME = "toctou-baseline.json"
"""What it is called in the working directory, unless ``[tool.toctou]`` names another one."""

VERSION = 1
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_WRITTEN_BY = f"toctou baseline writes it: toctou baseline reports/latest/run.json -o {NAME} --reason TEXT"


@dataclass(frozen=True, slots=True)
class Entry:
    """An accepted finding.

    Attributes:
        reason: why it is accepted; may be empty.
        expires: the last day on which it is, as ``2030-12-31``; empty for always.
        requests: how many concurrent requests show it.
        reads: as the run that has found it was asked for.
    """

    fingerprint: str
    title: str = ""
    model: str = ""
    handler: str = ""
    severity: str = ""
    reason: str = ""
    expires: str = ""
    requests: int = 2
    reads: str = "strong"

    def expired(self, today: dt.date) -> bool:
        """Whether it is accepted no more."""
        return bool(self.expires) and today > dt.date.fromisoformat(self.expires)


@dataclass(frozen=True, slots=True)
class Baseline:
    """Accepted findings by fingerprint.

    Attributes:
        file: where they are written, as messages name it.
    """

    file: str = NAME
    entries: Mapping[str, Entry] = field(default_factory=dict)

    def text(self) -> str:
        """What is written: in an order that does not change, so that versions can be compared."""
        ordered = sorted(self.entries.values(), key=lambda one: (one.model, one.title, one.fingerprint))
        found = [{name: value for name, value in asdict(one).items() if value != ""} for one in ordered]
        content = {"kind": "baseline", "version": VERSION, "accepted": found}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write it there.

        Raises:
            BadInput: the file cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, self.text())
        except OSError as fault:
            raise BadInput(
                f"{path} cannot be written: {fault.strerror}", remedy="name another file with -o FILE"
            ) from None


def accepted_in(run: Document, chosen: Iterable[str] = ()) -> list[Entry]:
    """Entries for the findings of a run: the chosen ones, or all that no comment in the source accepts.

    Raises:
        BadInput: no finding has a fingerprint that was chosen.
    """
    found = {one["fingerprint"]: one for one in run["findings"]}
    wanted = list(chosen)
    for one in wanted:
        if one not in found:
            raise BadInput(
                f"no finding of this run has the fingerprint {one}",
                expected=", ".join(found) or "a run with findings",
                cause="a slip, or the finding is of another run",
                remedy="toctou report reports/latest --format csv lists them",
            )
    if not wanted:
        wanted = [name for name, one in found.items() if one.get("accepted", {}).get("by") != "comment"]
    return [_entry(found[name], run) for name in wanted]


def _entry(finding: Document, run: Document) -> Entry:
    return Entry(
        fingerprint=finding["fingerprint"],
        title=finding_title(finding),
        model=finding["model"],
        handler=finding["handler"],
        severity=finding["severity"]["level"],
        requests=min((len(one["requests"]) for one in finding["scenarios"]), default=2),
        reads=run["reads"],
    )


def merged(
    baseline: Baseline, found: Sequence[Entry], *, reason: str = "", expires: str = "", anew: bool = False
) -> Baseline:
    """The baseline with these entries; those it has keep their reason and their day, unless they are given ``anew``."""
    entries = dict(baseline.entries)
    for one in found:
        known = entries.get(one.fingerprint)
        given = replace(one, reason=reason, expires=expires)
        if known is not None:
            given = replace(
                one,
                reason=(reason if anew else "") or known.reason or reason,
                expires=(expires if anew else "") or known.expires,
            )
        entries[one.fingerprint] = given
    return replace(baseline, entries=entries)


def find_baseline(named: Path | None, folder: Path | None = None) -> Baseline | None:
    """The baseline in the file that is named, or in the one of this folder; ``None`` if there is none.

    Args:
        named: on the command line; has to exist.
        folder: the working directory, if ``None``.

    Raises:
        BadInput: the file is not there although it is named, or is none.
    """
    if named is not None:
        return read_baseline(named)
    here = folder or Path()
    settings = here / "pyproject.toml"
    given = _setting(settings)
    if given is not None:
        return read_baseline(here / given)
    return read_baseline(here / NAME) if (here / NAME).exists() else None


def _setting(file: Path) -> str | None:
    """``baseline`` of ``[tool.toctou]``."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise BadInput(f"{file} cannot be read: {fault}", expected="a TOML file", remedy="correct it") from None
    own = content.get("tool", {}).get("toctou", {})
    given = own.get("baseline") if isinstance(own, dict) else None
    if given is not None and not isinstance(given, str):
        raise BadInput(
            f"baseline of [tool.toctou] in {file} is {given!r}",
            expected="the path of a file",
            remedy=f'baseline = "{NAME}"',
        )
    return given


def read_baseline(path: Path) -> Baseline:
    """The baseline in that file.

    Raises:
        BadInput: it cannot be read, or is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise BadInput(f"the baseline {path} cannot be read: {fault}", remedy=_WRITTEN_BY) from None
    if (
        not isinstance(content, dict)
        or content.get("kind") != "baseline"
        or not isinstance(content.get("accepted"), list)
    ):
        raise BadInput(
            f"{path} is no baseline",
            expected='an object with "kind": "baseline" and a list "accepted"',
            remedy=_WRITTEN_BY,
        )
    if content.get("version") != VERSION:
        raise BadInput(
            f"{path} is a baseline of version {content.get('version')!r}",
            expected=f"version {VERSION}",
            cause="another version of toctou wrote it",
            remedy=_WRITTEN_BY,
        )
    entries: dict[str, Entry] = {}
    for number, one in enumerate(content["accepted"], 1):
        entry = _read(path, number, one)
        if entry.fingerprint in entries:
            raise BadInput(f"{path}: {entry.fingerprint} is accepted twice", remedy=f"remove entry {number}")
        entries[entry.fingerprint] = entry
    return Baseline(relative_path(path), entries)


def _read(path: Path, number: int, content: Any) -> Entry:
    known = {one.name: type(one.default) if one.name != "fingerprint" else str for one in fields(Entry)}
    wrong = ""
    if not isinstance(content, dict):
        wrong = "is no object"
    elif not _FINGERPRINT.fullmatch(str(content.get("fingerprint"))):
        wrong = f"has the fingerprint {content.get('fingerprint')!r}, which is not 16 hexadecimal digits"
    elif unknown := sorted(content.keys() - known):
        wrong = f"has {unknown[0]!r}, which no entry has"
    else:
        for name, value in content.items():
            if type(value) is not known[name]:
                wrong = wrong or f"has {name} {value!r}, which is not {'a text' if known[name] is str else 'a number'}"
    if not wrong and content.get("expires"):
        try:
            day(content["expires"])
        except ValueError:
            wrong = f"expires on {content['expires']!r}, which is no day such as 2030-12-31"
    if wrong:
        raise BadInput(
            f"{path}: entry {number} {wrong}",
            expected='{"fingerprint": "0123456789abcdef", "reason": "…", "expires": "2030-12-31"}',
            remedy="correct the entry, or remove it",
        )
    return Entry(**content)


def day(text: str) -> str:
    """A day as it stands in the file.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError(text)
    return dt.date.fromisoformat(text).isoformat()
