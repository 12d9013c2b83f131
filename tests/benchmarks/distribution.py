"""What it costs to hand exploring to others, and what two processes gain.

    python tests/benchmarks/distribution.py [TARGET] [--requests N] [--tasks N] [--dask]

A task without work items goes to a child process and back, in this process's threads and, with --dask, through a Dask scheduler
and worker on this machine.  Then the target is explored by one process and by two.  The machine may be busy with other
things, so processor time is what may be compared: two processes that need as much of it as one, together, are twice as fast
where two cores are free.
"""

from __future__ import annotations

import argparse
import os
import pickle
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from toctou.checking.check import check
from toctou.declaration.loading import LoadedModel, load
from toctou.distribution.assignment import Assignment, Source
from toctou.distribution.child import CHILDREN, end_children, in_child, packed
from toctou.distribution.in_process import InProcess
from toctou.distribution.work_queue import Key, WorkQueue
from toctou.distribution.workers import Distributed
from toctou.search.bench import Bench
from toctou.search.options import Options


def round_trip(executor: Executor, loaded: LoadedModel, options: Options, tasks: int) -> float:
    """Milliseconds of wall time per task that explores nothing, one after the other."""
    request = packed("explore", Source.of(loaded), Assignment(options, (), seconds=1.0))
    executor.submit(in_child, request).result()
    begun = time.perf_counter()
    for _ in range(tasks):
        executor.submit(in_child, request).result()
    return 1000 * (time.perf_counter() - begun) / tasks


def coordination(loaded: LoadedModel, options: Options) -> tuple[float, float, float]:
    """Milliseconds that the coordinator spends per scenario, and bytes of a request and of an answer."""
    work_queue = WorkQueue([loaded], options, options.started())
    bench = Bench(options)
    explorer, meter = bench.explorer(loaded.model), options.started()
    spent, asked, answered, count = 0.0, 0, 0, 0
    source = Source.of(loaded)
    while keys := work_queue.take():
        work_item = work_queue.work_item(keys[0])
        assert work_item is not None
        answer = pickle.dumps(((keys[0], explorer.advance(work_item, meter)),))
        begun = time.process_time()
        request = packed("explore", source, Assignment(options, ((keys[0], work_item),), seconds=1.0))
        ((key, advance),) = pickle.loads(answer)
        assert isinstance(key, Key)
        work_queue.record(key, advance)
        list(work_queue.final())
        spent += time.process_time() - begun
        asked, answered, count = asked + len(request), answered + len(answer), count + 1
    bench.close()
    return 1000 * spent / count, asked / count, answered / count


def processor_seconds() -> float:
    """Of this process and of its children that live."""
    tick = os.sysconf("SC_CLK_TCK")
    used = 0
    for number in (os.getpid(), *(child.pid for child in CHILDREN)):
        fields = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / tick


def explored(models: list[LoadedModel], options: Options, jobs: int) -> tuple[float, float, int]:
    """Seconds on the clock, seconds of processor time, and schedules; processes that have been started count as nothing."""
    with ThreadPoolExecutor(jobs) as executor:
        exploring = InProcess() if jobs == 1 else Distributed(executor, jobs)
        check(models, replace(options, requests=2), exploring=exploring)
        begun, used = time.perf_counter(), processor_seconds()
        result = check(models, options, exploring=exploring)
        measured = time.perf_counter() - begun, processor_seconds() - used
        end_children()
    return *measured, sum(model.schedules for model in result.models)


@contextmanager
def dask_executor() -> Iterator[Executor]:
    """A scheduler and a worker on this machine."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - an extra

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor(pure=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", default="models/counter.py:VersionedCounter")
    parser.add_argument("--requests", type=int, default=4)
    parser.add_argument("--strategy", default="exhaustive")
    parser.add_argument("--no-symmetry", action="store_true")
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--dask", action="store_true")
    arguments = parser.parse_args()
    models = load([arguments.target])
    options = Options(
        requests=arguments.requests, strategy=arguments.strategy, symmetry=not arguments.no_symmetry, confirm=False
    )
    with ThreadPoolExecutor(1) as executor:
        print(f"task to a child and back, local   {round_trip(executor, models[0], options, arguments.tasks):8.2f} ms")
    end_children()
    if arguments.dask:
        with dask_executor() as executor:
            print(
                f"the same through Dask             {round_trip(executor, models[0], options, arguments.tasks):8.2f} ms"
            )
    spent, asked, answered = coordination(models[0], Options(requests=2, confirm=False))
    print(f"coordinator, per scenario         {spent:8.2f} ms, request {asked:.0f} bytes, answer {answered:.0f} bytes")
    measured = {jobs: explored(models, options, jobs) for jobs in (1, 2)}
    for jobs, (wall, processor, schedules) in measured.items():
        print(f"{jobs} jobs: {schedules} schedules, {wall:.1f} s on the clock, {processor:.1f} s of processor time")
    print(
        f"ratio on the clock {measured[1][0] / measured[2][0]:.2f}, by processor time {2 * measured[1][1] / measured[2][1]:.2f}"
    )


if __name__ == "__main__":
    main()
