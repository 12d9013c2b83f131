"""What is in the file comes back, what was torn is cut off, and what is not ours is left alone."""

from __future__ import annotations

import os
import stat

import pytest

from toctou.errors import BadInput
from toctou.server.data_file import HEADER, DataFile

RECORDS = [b'{"a":1}', b"", "ü".encode() * 5, b"last"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data"


def opened(path):
    file = DataFile(path)
    try:
        return file, list(file.records())
    except BaseException:
        file.close()
        raise


def contents(path):
    file, records = opened(path)
    file.close()
    return records


def written(path, records=RECORDS):
    file, before = opened(path)
    for record in records:
        file.append(record)
    assert file.size == path.stat().st_size
    file.close()
    return before


def replace(file, records):
    """All steps of a replacement."""
    for wait in file.replace(records):
        if wait is not None:
            wait()


def test_a_new_file_is_empty_and_keeps_what_is_appended(path):
    assert written(path) == []
    assert contents(path) == RECORDS
    assert written(path, [b"more"]) == RECORDS
    assert contents(path) == [*RECORDS, b"more"]


def test_a_file_cut_off_anywhere_keeps_every_whole_record(path):
    written(path)
    whole = path.read_bytes()
    ends = [len(HEADER)]
    for record in RECORDS:
        ends.append(ends[-1] + len(record) + 10)
    assert ends[-1] == len(whole)
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        # A record that lacks only its line break is whole.
        expected = sum(length >= end - 1 for end in ends[1:])
        assert contents(path) == RECORDS[:expected], length
        assert written(path, [b"after"]) == RECORDS[:expected]
        assert contents(path) == [*RECORDS[:expected], b"after"]


def test_a_record_is_on_the_disk_if_that_is_asked_for(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    file = DataFile(path, sync=True)
    synced.clear()
    file.append(b"one")
    assert synced == [path.stat().st_size]
    replace(file, [b"two"])
    assert len(synced) == 3  # the new file, and the folder that now has it
    file.close()
    file = DataFile(path)
    synced.clear()
    assert list(file.records()) == [b"two"]
    file.append(b"three")
    assert synced == []
    file.close()


def test_a_write_that_the_disk_refuses_has_not_happened(path, monkeypatch):
    file = DataFile(path, sync=True)
    file.append(b"one")

    def refuse(descriptor):
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="no room"):
            file.append(b"two")
    file.append(b"three")
    file.close()
    file = DataFile(path)
    assert list(file.records()) == [b"one", b"three"]
    file.close()


def test_a_damaged_record_is_an_error_and_stays(path):
    written(path)
    whole = path.read_bytes()
    for offset in range(len(HEADER), len(whole) - 1):
        damaged = bytearray(whole)
        damaged[offset] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match="is damaged"):
            contents(path)
        assert path.read_bytes() == damaged


def test_the_damaged_line_is_named(path):
    written(path)
    path.write_bytes(path.read_bytes().replace(b'{"a":1}', b'{"a":2}'))
    with pytest.raises(BadInput, match="line 2 is damaged"):
        contents(path)


@pytest.mark.parametrize("foreign", [b"SQLite format 3\x00", b"toctou data 2\n", b"t\n", b"{}", b"\x00"])
def test_a_foreign_file_is_an_error_and_stays(path, foreign):
    path.write_bytes(foreign)
    with pytest.raises(BadInput, match="not a data file of toctou"):
        contents(path)
    assert path.read_bytes() == foreign


def test_only_one_has_the_file(path):
    first, _ = opened(path)
    with pytest.raises(BadInput, match="another toctou serves from this file"):
        DataFile(path)
    replace(first, [b"new"])
    with pytest.raises(BadInput, match="another toctou"):
        DataFile(path)
    first.close()
    assert contents(path) == [b"new"]


def test_a_link_is_followed_and_stays_a_link(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    file, _ = opened(link)
    replace(file, [b"new"])
    with pytest.raises(BadInput, match="another toctou"):
        DataFile(path)
    file.close()
    assert link.is_symlink()
    assert contents(path) == [b"new"]


def test_replacing_keeps_the_mode_and_leaves_nothing_behind(path, tmp_path):
    written(path)
    path.chmod(0o640)
    file, _ = opened(path)
    replace(file, [b"new", b"newer"])
    file.append(b"newest")
    assert file.size == path.stat().st_size
    file.close()
    assert contents(path) == [b"new", b"newer", b"newest"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["data"]


def test_what_is_appended_while_replacing_is_kept(path, tmp_path):
    written(path)
    file, _ = opened(path)
    large = b"x" * 150_000  # more than one piece
    appended = []
    for number, wait in enumerate(file.replace([b"new", b"newer"])):
        if wait is not None:
            wait()
        if number < 4:
            appended.append(b"%d " % number + large)
            file.append(appended[-1])
    assert number > 4
    assert file.size == path.stat().st_size
    file.append(b"newest")
    file.close()
    assert contents(path) == [b"new", b"newer", *appended, b"newest"]
    assert os.listdir(tmp_path) == ["data"]


def test_replacing_may_be_given_up_at_every_step(path, tmp_path):
    written(path)
    steps = 0
    while True:
        file, before = opened(path)
        replacing = file.replace([b"new", b"newer", b"newest"])
        for _ in range(steps):
            next(replacing, None)
        over = replacing.gi_frame is None
        file.append(b"%d" % steps)
        replacing.close()
        file.close()
        if over:
            break
        assert contents(path) == [*before, b"%d" % steps]
        assert os.listdir(tmp_path) == ["data"]
        steps += 1
    assert steps == 5  # three records, the disk, and the end
    assert contents(path) == [b"new", b"newer", b"newest", b"5"]


def test_replacing_fails_without_harm_if_the_disk_does(path, tmp_path, monkeypatch):
    written(path)
    file, _ = opened(path)

    def broken(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input/output"):
            replace(file, [b"new"])
    file.close()
    assert contents(path) == RECORDS
    assert os.listdir(tmp_path) == ["data"]


def test_replacing_fails_without_harm(path, tmp_path):
    written(path)
    file, _ = opened(path)

    def failing():
        yield b"new"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace(file, failing())
    file.append(b"more")
    replace(file, [b"new"])
    file.close()
    assert contents(path) == [b"new"]


def test_a_file_of_somebody_else_beside_it_is_left_alone(path, tmp_path):
    beside = tmp_path / "data.compacting"
    beside.write_bytes(b"precious")
    file, _ = opened(path)
    with pytest.raises(FileExistsError):
        replace(file, [b"new"])
    file.close()
    assert beside.read_bytes() == b"precious"


def test_an_append_that_fails_leaves_no_trace(path, monkeypatch):
    written(path)
    file, _ = opened(path)
    write = os.pwrite

    def full(descriptor, data, offset):
        monkeypatch.setattr(os, "pwrite", nothing_more)
        return write(descriptor, data[:5], offset)

    def nothing_more(descriptor, data, offset):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        file.append(b"too much")
    monkeypatch.setattr(os, "pwrite", write)
    assert path.stat().st_size == file.size
    file.append(b"fits")
    file.close()
    assert contents(path) == [*RECORDS, b"fits"]


def test_a_file_that_cannot_be_put_back_in_order_is_written_no_more(path, monkeypatch):
    file, _ = opened(path)

    def fails(*arguments):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", fails)
        broken.setattr(os, "ftruncate", fails)
        with pytest.raises(OSError, match="Input/output"):
            file.append(b"lost")
    with pytest.raises(OSError, match="nothing more is stored"):
        file.append(b"later")
    file.close()
    assert contents(path) == []


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing folder"])
def test_what_is_no_file_is_an_error(tmp_path, kind):
    target = tmp_path / "target"
    if kind == "folder":
        target.mkdir()
    elif kind == "pipe":
        os.mkfifo(target)
    else:
        target = target / "data"
    with pytest.raises(BadInput, match="--data"):
        DataFile(target)
