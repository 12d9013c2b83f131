"""Schedules per second of one model on each backend, side by side in one run.

    python tests/benchmarks/backends.py [TARGET] [--requests N] [--rounds N]

Prints the median over the rounds, which alternate between the backends so that a noisy machine disturbs both alike, and the
ratio, which is what may be compared between machines.  Time spent on confirming and explaining violations is left out of
neither; loading a backend is.
"""

from __future__ import annotations

import argparse
import statistics

from toctou.checking.check import check
from toctou.declaration.loading import load
from toctou.search.options import Options


def schedules_per_second(target: str, backend: str, requests: int) -> float:
    """One exploration of every scenario of the scope."""
    result = check(load([target]), Options(backend=backend, requests=requests, confirm=False))
    scenarios = [scenario for model in result.models for scenario in model.scenarios]
    return sum(one.schedules for one in scenarios) / sum(one.seconds for one in scenarios)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", default="models/delete_item.py:ReadThenDelete")
    parser.add_argument("--requests", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    measured: dict[str, list[float]] = {"embedded": [], "moto": []}
    for _ in range(arguments.rounds + 1):  # the first round warms caches up and is dropped
        for backend, rates in measured.items():
            rates.append(schedules_per_second(arguments.target, backend, arguments.requests))
    medians = {backend: statistics.median(rates[1:]) for backend, rates in measured.items()}
    print(f"{arguments.target}, {arguments.requests} requests, median of {arguments.rounds} rounds")
    for backend, median in medians.items():
        print(f"{backend:10} {median:10.0f} schedules/s")
    print(f"{'ratio':10} {medians['embedded'] / medians['moto']:10.1f}")


if __name__ == "__main__":
    main()
