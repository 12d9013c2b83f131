"""The file of accepted findings: what it holds, where it is found, and what is told of one that cannot be used."""

import json
from dataclasses import replace

import pytest

from toctou.errors import BadInput
from toctou.reporting.baseline import NAME, Baseline, Entry, find_baseline, merged, read_baseline

ENTRY = Entry(
    "0123456789abcdef", "a × b: lost update", "app.py:M", "a", "medium", "known", "2030-12-31", 3, "eventual:2"
)


def written(path, *entries):
    Baseline(entries={one.fingerprint: one for one in entries}).write(path)
    return path


def test_what_is_written_is_read_again(tmp_path):
    other = Entry("f" * 16)
    path = written(tmp_path / "folder" / NAME, ENTRY, other)
    assert read_baseline(path).entries == {ENTRY.fingerprint: ENTRY, other.fingerprint: other}


def test_it_reads_the_same_whatever_was_accepted_first(tmp_path):
    others = [replace(ENTRY, fingerprint=f"{number:016x}", title=f"{number % 2}") for number in range(4)]
    one, other = written(tmp_path / "a", *others), written(tmp_path / "b", *reversed(others))
    assert one.read_text(encoding="utf-8") == other.read_text(encoding="utf-8")


def test_merging_keeps_reasons_and_days_unless_they_are_given_anew():
    known = Baseline(entries={ENTRY.fingerprint: ENTRY})
    found = [replace(ENTRY, title="renamed", reason="", expires=""), Entry("f" * 16)]
    kept = merged(known, found, reason="all of it", expires="2031-01-01").entries
    assert kept[ENTRY.fingerprint] == replace(ENTRY, title="renamed")
    assert (kept["f" * 16].reason, kept["f" * 16].expires) == ("all of it", "2031-01-01")
    anew = merged(known, found[:1], reason="another", expires="2031-01-01", anew=True).entries
    assert anew[ENTRY.fingerprint] == replace(ENTRY, title="renamed", reason="another", expires="2031-01-01")
    assert merged(known, found[:1], reason="another", anew=True).entries[ENTRY.fingerprint].expires == ENTRY.expires


def test_it_is_found_in_the_folder_or_where_the_project_says(tmp_path):
    assert find_baseline(None, tmp_path) is None
    written(tmp_path / NAME, ENTRY)
    assert list(find_baseline(None, tmp_path).entries) == [ENTRY.fingerprint]
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n", encoding="utf-8")
    assert find_baseline(None, tmp_path) is not None
    (tmp_path / "pyproject.toml").write_text('[tool.toctou]\nbaseline = "ci/accepted.json"\n', encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be read"):
        find_baseline(None, tmp_path)
    written(tmp_path / "ci" / "accepted.json")
    assert find_baseline(None, tmp_path).entries == {}
    assert list(find_baseline(tmp_path / NAME, tmp_path).entries) == [ENTRY.fingerprint]


@pytest.mark.parametrize(
    ("settings", "told"),
    [("[tool.toctou]\nbaseline = 3\n", "expected: the path of a file"), ("[tool", "expected: a TOML file")],
)
def test_settings_that_cannot_be_used(settings, told, tmp_path):
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    with pytest.raises(BadInput, match=told):
        find_baseline(None, tmp_path)


ACCEPTED = {"fingerprint": "0123456789abcdef"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "is no baseline"),
        ('{"kind": "run"}', "is no baseline"),
        ({"version": 2}, "version 2"),
        ({"accepted": [3]}, "entry 1 is no object"),
        ({"accepted": [ACCEPTED, {"fingerprint": "123"}]}, "entry 2 has the fingerprint '123'"),
        ({"accepted": [{}]}, "entry 1 has the fingerprint None"),
        ({"accepted": [{**ACCEPTED, "why": "x"}]}, "has 'why', which no entry has"),
        ({"accepted": [{**ACCEPTED, "reason": 3}]}, "has reason 3, which is not a text"),
        ({"accepted": [{**ACCEPTED, "requests": "3"}]}, "has requests '3', which is not a number"),
        ({"accepted": [{**ACCEPTED, "requests": True}]}, "has requests True, which is not a number"),
        ({"accepted": [{**ACCEPTED, "expires": "soon"}]}, "which is no day"),
        ({"accepted": [{**ACCEPTED, "expires": "2030-02-30"}]}, "which is no day"),
        ({"accepted": [ACCEPTED, ACCEPTED]}, "is accepted twice"),
    ],
    ids=str,
)
def test_a_file_that_is_none_is_told_with_what_to_do(content, told, tmp_path):
    path = tmp_path / NAME
    if isinstance(content, dict):
        content = json.dumps({"kind": "baseline", "version": 1, "accepted": [], **content})
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=told) as raised:
        read_baseline(path)
    assert raised.value.remedy
    assert raised.value.exit_status == 2
