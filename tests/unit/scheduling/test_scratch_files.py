"""What a request makes with ``tempfile`` is its own: its name repeats, it may be changed, and nothing of it is left."""

from __future__ import annotations

import fcntl
import mmap
import os
import pathlib
import shutil
import sqlite3
import tempfile
import zipfile

import pytest

from toctou.errors import OutsideControl
from toctou.scheduling import data_files


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where temporary files are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def named_file():
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("rows")
        file.flush()
        assert pathlib.Path(file.name).read_text() == "rows"


def nameless_file():
    with tempfile.TemporaryFile() as file:
        file.write(b"rows")


def spooled_file():
    with tempfile.SpooledTemporaryFile(max_size=2) as file:
        file.write(b"rows")


def download():
    with tempfile.TemporaryDirectory() as made:
        target = os.path.join(made, "report")
        with open(f"{target}.1234", "wb") as part:
            part.write(b"rows")
        os.rename(f"{target}.1234", target)
        with open(target) as file:
            assert file.read() == "rows"


def unpack():
    made = tempfile.mkdtemp()
    with zipfile.ZipFile(f"{made}/sent.zip", "w") as archive:
        archive.writestr("temporary/a.txt", "rows")
    shutil.unpack_archive(f"{made}/sent.zip", f"{made}/b/c")
    shutil.copytree(f"{made}/b", f"{made}/d", symlinks=True)
    os.symlink(f"{made}/d", f"{made}/e")
    pathlib.Path(made, "e/c/temporary/a.txt").write_text("changed")
    os.chmod(f"{made}/e", 0o700)
    os.link(f"{made}/sent.zip", f"{made}/kept.zip")
    shutil.rmtree(made)
    assert not os.path.exists(made)


def open_file():
    number, name = tempfile.mkstemp()
    os.write(number, b"0")
    fcntl.flock(number, fcntl.LOCK_EX)
    mmap.mmap(number, 1).close()
    os.ftruncate(number, 0)
    os.remove(name)
    os.ftruncate(number, 0)
    os.close(number)


def database():
    with tempfile.TemporaryDirectory() as made:
        connection = sqlite3.connect(f"{made}/work.db")
        connection.execute("create table t (a)")
        connection.close()


def in_bytes():
    number, name = tempfile.mkstemp(suffix=b".csv")
    os.close(number)
    os.replace(name, name + b".gz")


def beside_it():
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        pathlib.Path(f"{file.name}.1234").write_text("rows")
        os.rename(f"{file.name}.1234", file.name)
        pathlib.Path(file.name).with_suffix(".pdf").write_text("pages")


def left_behind():
    pathlib.Path(tempfile.mkdtemp(), "report").write_text("rows")
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"rows")


def through_a_link(made):
    os.symlink(os.path.abspath("published"), f"{made}/link")
    pathlib.Path(made, "link").write_text("rows")


EVERY = [
    named_file,
    nameless_file,
    spooled_file,
    download,
    unpack,
    open_file,
    database,
    in_bytes,
    beside_it,
    left_behind,
]


@pytest.mark.parametrize("use", EVERY)
def test_it_may_be_used_as_files_are_and_nothing_is_left(tasks, folder, use):
    data_files.begin()
    tasks.execute([use, use])
    assert os.listdir(folder) == []
    assert not any(str(folder) in path for path in data_files.noted())


def test_names_repeat_and_differ_between_requests(tasks):
    made = []

    def handler():
        made.append(tempfile.mkdtemp())
        tasks.reach("GetItem")
        made.append(tempfile.mkdtemp())

    tasks.execute([handler, handler])
    first, made[:] = list(made), []
    tasks.execute([handler, handler])
    assert made == first
    assert len(set(made)) == 4


def test_a_name_that_is_taken_is_not_the_requests(tasks, folder):
    names = []
    tasks.execute([lambda: names.append(tempfile.mkdtemp())])
    others = pathlib.Path(names[0])
    others.mkdir()

    def handler():
        assert tempfile.mkdtemp() != str(others)
        (others / "report").write_text("rows")

    with pytest.raises(OutsideControl, match=r"the file '.*report' \(for writing\)"):
        tasks.execute([handler])
    assert os.listdir(folder) == [others.name], "it is left where it was"


def test_what_is_left_by_a_request_that_is_given_up_is_removed(tasks, folder):
    def waits():
        left_behind()
        tasks.reach("GetItem")
        tasks.reach("GetItem")

    def fails():
        tasks.reach("GetItem")
        open("audit.log", "a")  # noqa: SIM115 - it is not opened

    with pytest.raises(OutsideControl):
        tasks.execute([waits, fails])
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("reach", "named"),
    [
        (lambda made: os.rename(f"{made}/a", "published"), r"the path 'published' \(renamed from"),
        (lambda made: os.rename("published", f"{made}/b"), r"the path '.*/b' \(renamed from 'published'"),
        (lambda made: os.link("published", f"{made}/b"), r"the path '.*/b' \(linked to 'published'"),
        (lambda made: pathlib.Path(f"{made}/../b").write_text("rows"), r"the file '.*/\.\./b' \(for writing\)"),
        (lambda made: os.chmod("published", 0), r"the path 'published' \(mode changed\)"),
        (through_a_link, r"the file '.*/link' \(for writing\)"),
    ],
)
def test_what_leads_out_of_it_is_not(tasks, tmp_path, reach, named):
    (tmp_path / "published").write_text("as it was")

    def handler():
        made = tempfile.mkdtemp()
        pathlib.Path(made, "a").write_text("rows")
        reach(made)

    with pytest.raises(OutsideControl, match=named):
        tasks.execute([handler])
    assert (tmp_path / "published").read_text() == "as it was"


def test_another_requests_is_not(tasks):
    made = []

    def makes():
        made.append(tempfile.mkdtemp())
        tasks.reach("GetItem")

    with pytest.raises(OutsideControl, match=r"request B reached the path '.*' \(removed\)"):
        tasks.execute([makes, lambda: os.rmdir(made[0])], [0, 1, 0])


def test_a_folder_may_be_opened_since_it_can_only_be_listed(tasks):
    tasks.execute([lambda: os.close(os.open(".", os.O_RDONLY))])
