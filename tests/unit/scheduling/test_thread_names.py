"""The threads and pools of each request are numbered from the same numbers on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from toctou.scheduling import thread_names


def names() -> list[str]:
    found: list[str] = []

    def note() -> None:
        found.append(threading.current_thread().name)

    thread = threading.Thread(target=note)
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(note).result()
    return found


def test_requests_number_their_threads_alike() -> None:
    with thread_names.restored():
        thread_names.begin()
        first = names()
        thread_names.begin()
        assert names() == first == ["Thread-1 (note)", "ThreadPoolExecutor-100_0"]


def test_numbers_continue_afterwards() -> None:
    before = names()
    with thread_names.restored():
        thread_names.begin()
        names()
    after = names()
    numbers = [int(one.partition("-")[2].split(" ")[0].split("_")[0]) for one in (*before, *after)]
    assert numbers[2] == numbers[0] + 1
    assert numbers[3] == numbers[1] + 1
