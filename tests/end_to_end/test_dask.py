"""A real Dask cluster of two worker processes on this machine, one of which is killed half-way."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from toctou.checking.check import check
from toctou.declaration.loading import load
from toctou.distribution import workers
from toctou.distribution.dask_executor import on_cluster
from toctou.distribution.progress import Silent, Status
from toctou.errors import BadInput
from toctou.search.options import Options
from toctou.search.result import ModelResult, ScenarioResult

distributed = pytest.importorskip("distributed", reason="no Dask: `pip install '.[dask]'`")
pytestmark = pytest.mark.filterwarnings("default")  # warnings of Dask's are none of ours

TARGET = f"{Path(__file__).parents[1]}/unit/distribution/models_to_distribute.py:SlowlyJudged"


@dataclass
class Cluster:
    file: Path
    joining: list[str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""


def started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler, and the workers that tests have left alive."""
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    where = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
    one = ["--nthreads", "1", "--no-nanny", "--local-directory", str(folder)]
    made = Cluster(file, [*where, *one])
    scheduler = started("scheduler", *where, "--port", "0")
    try:
        yield made
    finally:
        for process in [*made.workers, scheduler]:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(left: Cluster) -> Cluster:
    """Two workers, the first of which may be killed."""
    left.workers = [one for one in left.workers if one.poll() is None]
    while len(left.workers) < 2:
        left.workers.append(started("worker", *left.joining))
    deadline = time.monotonic() + 120
    while not left.file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with distributed.Client(scheduler_file=str(left.file), set_as_default=False) as client:
        while len(client.scheduler_info()["workers"]) != 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        left.address = client.scheduler.address
    return left


class KillsOne(Silent):
    """Kills a worker as soon as a part of the large scenario is known."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.killed_at: int | None = None

    def status(self, status: Status) -> None:
        if self.killed_at is None and status.scenarios == 2 and status.begun > 50:
            self.killed_at = status.begun
            self.cluster.workers[0].kill()

    def end_model(self, result: ModelResult) -> None:
        assert self.cluster.workers[0].poll() is not None


def timeless(results: tuple[ScenarioResult, ...]) -> list[ScenarioResult]:
    return [replace(one, seconds=0.0) for one in results]


@pytest.mark.parametrize("strategy", ["exhaustive", "dpor"])
def test_nothing_is_lost_and_nothing_counted_twice(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, strategy: str):
    monkeypatch.setattr(workers, "SECONDS", 0.3)
    assert cluster.address.startswith("tcp://127.0.0.1:")
    models = load([TARGET])
    options = Options(requests=3, strategy=strategy, symmetry=False, confirm=False)
    (alone,) = check(models, options).models
    kills = KillsOne(cluster)
    with on_cluster(cluster.address) as spread:
        (together,) = check(models, options, kills, spread).models
    assert kills.killed_at is not None
    assert kills.killed_at < 588
    assert together.scenarios[-1].schedules == 588
    assert timeless(together.scenarios) == timeless(alone.scenarios)
    assert together.covered == alone.covered


def test_a_cluster_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("toctou.distribution.dask_executor._CONNECT_SECONDS", 1)
    with pytest.raises(BadInput, match=r"--dask tcp://127.0.0.1:9"), on_cluster("tcp://127.0.0.1:9"):
        pass
