"""Explores on a Dask cluster: ``toctou check … --dask ADDRESS``.

The scheduler hands the tasks of :mod:`toctou.distribution.workers` to its workers and hands them out again when it loses one.
What toctou wants of a cluster is little: the package itself, and the models, at the same path on every machine.  Each thread
of a worker explores in a child process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from toctou.distribution.workers import Distributed
from toctou.errors import BadInput

_CONNECT_SECONDS = 10


@contextmanager
def on_cluster(address: str) -> Iterator[Distributed]:
    """Whoever explores on the cluster whose scheduler listens there, such as ``tcp://127.0.0.1:8786``.

    Raises:
        BadInput: Dask is not installed, there is no scheduler, or it has no workers.
    """
    try:
        distributed: Any = import_module("distributed")  # an extra, which most users do not need
    except ImportError:
        raise BadInput(
            "--dask needs Dask, which is not installed",
            remedy="pip install 'toctou[dask]', here and on the workers",
        ) from None
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as fault:
        raise BadInput(
            f"--dask {address}: {fault}",
            expected="the address of a running Dask scheduler, such as tcp://127.0.0.1:8786",
            cause="a slip in the address, or the scheduler is not running",
            remedy="start one: `dask scheduler --host 127.0.0.1` and, for each machine, `dask worker ADDRESS`",
        ) from None
    with client:
        threads = client.nthreads()
        if not threads:
            raise BadInput(
                f"the Dask scheduler at {address} has no workers",
                expected="at least one",
                remedy=f"start one on each machine: `dask worker {address}`",
            )
        # a task that many workers were lost with is given up by the scheduler; then it is handed out as any lost one
        yield Distributed(client.get_executor(pure=False), sum(threads.values()))
