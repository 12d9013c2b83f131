"""Data files may be read as long as they do not change; what was in them is what stored results are bound to."""

from __future__ import annotations

import os
import re
from contextlib import suppress

import pytest

from toctou.errors import OutsideControl
from toctou.scheduling import boundary, data_files


@pytest.fixture(autouse=True)
def others_handlers():
    """What other tests have read does not count here."""
    data_files.begin()
    yield
    data_files.begin()


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "settings.json"
    file.write_text("{}")
    return file


def test_a_file_that_stays_as_it_is_may_be_read(tasks, settings):
    def handler():
        tasks.reach()
        assert settings.read_text() == "{}"

    tasks.execute([handler, handler])
    assert str(settings) in data_files.noted()
    assert data_files.changed() == []


def test_one_that_changes_between_two_reads_is_named(tasks, settings):
    def handler():
        settings.read_text()

    tasks.execute([handler])
    settings.write_text('{"limit": 3}')
    assert data_files.changed() == [str(settings)]
    expected = re.escape(f"the file {str(settings)!r} (which has changed since it was first read)")
    with pytest.raises(OutsideControl, match=expected):
        tasks.execute([handler])


def test_times_alone_are_no_change(tasks, settings):
    tasks.execute([settings.read_text])
    os.utime(settings, (1, 1))
    assert data_files.changed() == []
    tasks.execute([settings.read_text])


def test_a_file_that_is_not_there_is_as_good_as_contents(tasks, tmp_path):
    missing = tmp_path / "missing.json"

    def handler():
        with pytest.raises(FileNotFoundError):
            missing.read_text()

    tasks.execute([handler])
    assert data_files.noted()[str(missing)] == data_files.ABSENT
    missing.write_text("{}")
    assert data_files.changed() == [str(missing)]


def test_source_that_is_read_as_data_counts_and_compiled_modules_do_not(tasks, tmp_path):
    rules, compiled = tmp_path / "rules.py", tmp_path / "rules.pyc"
    rules.write_text("LIMIT = 3")
    compiled.write_bytes(b"")
    tasks.execute([rules.read_text, compiled.read_bytes])
    assert set(data_files.noted()) >= {str(rules)}
    assert str(compiled) not in data_files.noted()


@pytest.mark.parametrize("name", ["/proc/cpuinfo", "/sys/devices/system/cpu/online", "/sys/fs/cgroup/cpu.max"])
def test_what_processors_there_are_may_be_asked(tasks, name):
    def asks():
        with suppress(FileNotFoundError), open(name, encoding="utf-8") as file:
            file.read()

    tasks.execute([asks])
    assert name not in data_files.noted()


@pytest.mark.parametrize("name", ["/proc/self/status", "pipe"])
def test_what_is_no_plain_file_may_not_be_read(tasks, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(OutsideControl, match=r"\(for reading\)"):
        tasks.execute([lambda: os.open(name, os.O_RDONLY | os.O_NONBLOCK)])


def test_what_is_read_while_a_module_is_imported_is_noted_and_may_change(settings):
    with boundary.reading("import"):
        settings.read_text()
    assert data_files.noted()[str(settings)] == data_files.digest(str(settings))
    settings.write_text("[]")
    assert data_files.changed() == []


def test_outside_of_what_is_under_test_nothing_is_noted(tasks, settings):
    tasks.execute([tasks.reach])
    settings.read_text()
    assert str(settings) not in data_files.noted()
