"""Explores on a Dask cluster: ``toctou check … --dask ADDRESS``.

Every machine of the cluster needs toctou, and the models under the same path.
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
    """Explores on the cluster whose scheduler listens at ``address``, such as ``tcp://127.0.0.1:8786``.

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
        # The scheduler gives up a task after several lost workers; `Distributed` then submits it again, as any lost one.
        yield Distributed(client.get_executor(pure=False), sum(threads.values()))
