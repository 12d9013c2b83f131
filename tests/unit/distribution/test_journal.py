"""A journal is data: it makes no objects but those that it is for."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from contextlib import closing
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import models_to_distribute
import pytest

from toctou.checking.check import check
from toctou.declaration.fingerprint import fingerprint
from toctou.declaration.loading import load, named
from toctou.distribution.in_process import InProcess
from toctou.distribution.journal import Journal
from toctou.distribution.work_queue import WorkQueue
from toctou.errors import BadInput
from toctou.search.bench import Bench
from toctou.search.explorer import no_pause
from toctou.search.options import Options
from toctou.verdict import StopReason, Verdict

MODELS = [named(models_to_distribute.BetweenTwoItems)]
OPTIONS = Options(confirm=False, fixes=False)


def kept(file: Path) -> int:
    journal = Journal(file, MODELS, OPTIONS)
    journal.close()
    return len(journal.explored)


def test_what_was_explored_is_not_explored_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    journal = Journal(tmp_path / "journal", MODELS, OPTIONS)
    first = check(MODELS, OPTIONS, journal=journal)
    journal.close()
    assert kept(tmp_path / "journal") == len(first.models[0].scenarios)
    monkeypatch.setattr("toctou.search.explorer.Explorer.advance", None)
    journal = Journal(tmp_path / "journal", MODELS, OPTIONS)
    again = check(MODELS, OPTIONS, exploring=InProcess(), journal=journal)
    journal.close()
    assert again.models == first.models


def test_members_of_enumerations_are_kept_as_older_versions_of_python_store_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # https://github.com/python/cpython/blob/v3.11.2/Lib/enum.py, Enum.__reduce_ex__
    monkeypatch.setattr(Enum, "__reduce_ex__", lambda self, _: (getattr, (type(self), self.name)))
    journal = Journal(tmp_path / "journal", MODELS, OPTIONS)
    first = check(MODELS, OPTIONS, journal=journal)
    journal.close()
    assert kept(tmp_path / "journal") == len(first.models[0].scenarios)


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self._made = function, arguments

    def __reduce__(self) -> Any:
        return self._made


@pytest.mark.parametrize(
    "content",
    [
        Evil(os.system, "true"),
        Evil(eval, "1"),
        Evil(getattr, "text", "upper"),
        Evil(getattr, Verdict, "mro"),
        {"not": "an advance"},
    ],
    ids=["os.system", "eval", "getattr", "getattr of an enumeration", "plain"],
)
def test_nothing_is_run_that_a_forged_line_asks_for(tmp_path: Path, content: Any):
    file = tmp_path / "journal"
    assert kept(file) == 0
    packed = base64.b64encode(zlib.compress(pickle.dumps(content))).decode()
    line = {"scenario": 0, "work_item": 0, "advance": packed, "checksum": zlib.crc32(f"0 0 {packed}".encode())}
    whole = file.read_text()
    file.write_text(whole + json.dumps(line) + "\n" + json.dumps(line) + "\n")
    with pytest.raises(BadInput, match="line 2 is damaged"):
        kept(file)


def test_two_runs_do_not_share_a_journal(tmp_path: Path):
    first = Journal(tmp_path / "journal", MODELS, OPTIONS)
    with pytest.raises(BadInput, match="in use"):
        Journal(tmp_path / "journal", MODELS, OPTIONS)
    first.close()


def refused(file: Path, options: Options = OPTIONS) -> str:
    with pytest.raises(BadInput) as refusal:
        Journal(file, MODELS, options)
    return str(refusal.value)


def test_a_journal_of_another_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "journal"
    kept(file)
    assert "requests was 2 and is 3" in refused(file, Options(requests=3, confirm=False))
    assert "symmetry was True and is False" in refused(file, Options(symmetry=False, confirm=False))
    with pytest.raises(BadInput, match="the models were"):
        Journal(file, [named(models_to_distribute.Counting)], OPTIONS)
    monkeypatch.setattr("toctou.distribution.journal.fingerprint", lambda model: "another")
    assert "has changed" in refused(file)


def test_files_that_differ_between_processes_are_a_doubt_and_spoil_the_journal(tmp_path: Path):
    """A worker that begins later may find a data file changed."""
    data = tmp_path / "data.json"
    data.write_text("[]")
    journal = Journal(tmp_path / "journal", MODELS, OPTIONS)
    work_queue = WorkQueue(MODELS, OPTIONS, OPTIONS.started(), journal)
    with closing(Bench(OPTIONS)) as bench:
        outcomes = []
        for digest in ("first", "second"):
            (key,) = work_queue.take()
            work_item = work_queue.work_item(key)
            assert work_item is not None
            found = bench.advance(MODELS[0].model, work_item, OPTIONS.started(), no_pause)
            work_queue.record(key, replace(found, files={str(data): digest}))
            outcomes.append(work_queue.slots[key.slot].partition.tally())
    journal.close()
    assert [one.stop_reason for one in outcomes] == [None, StopReason.OUTSIDE_CONTROL]
    assert "data.json' has changed since it was first read" in outcomes[-1].detail
    assert "data.json changed, or is new" in refused(tmp_path / "journal")


def test_a_damaged_journal_is_refused_but_a_torn_last_line_is_not(tmp_path: Path):
    file = tmp_path / "journal"
    journal = Journal(file, MODELS, OPTIONS)
    check(MODELS, OPTIONS, journal=journal)
    journal.close()
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], b"x", *lines[1:]]))
    assert "line 2 is damaged" in refused(file)
    for torn in (whole[:-1], whole[:-20], whole + b'{"scen', whole[: len(lines[0]) + 5]):
        file.write_bytes(torn)
        assert kept(file) == torn.count(b"\n") - 1
        assert file.read_bytes() == torn[: torn.rindex(b"\n") + 1]
    file.write_bytes(b'{"toctou": "somebody else"}\n')
    assert "no journal" in refused(file)
    assert "Is a directory" in refused(tmp_path)


def test_the_fingerprint_follows_what_the_model_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "helping_module.py").write_text("def amount(): return 1\n")
    (tmp_path / "fingerprinted.py").write_text(
        "import helping_module\nfrom toctou import Model, handler\n"
        "class M(Model):\n    @handler()\n    def h(self, principal): return helping_module.amount()\n"
    )
    (loaded,) = load([f"{tmp_path}/fingerprinted.py:M"])
    before = fingerprint(loaded.model)
    assert fingerprint(loaded.model) == before
    (tmp_path / "helping_module.py").write_text("def amount(): return 2\n")
    assert fingerprint(loaded.model) != before
