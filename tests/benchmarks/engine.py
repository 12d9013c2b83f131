"""What the engine costs: calls against moto, and a table that grows; ratios in one run.

    python tests/benchmarks/engine.py [--calls N] [--rounds N] [--sizes N,N,…]

Times depend on the machine and are printed for orientation; the ratios are what may be compared between machines.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from calls_compared import CALLS, SETTINGS, medians
from engine_growth import CHANGED, growth


def calls_table(calls: int, rounds: int) -> str:
    """Microseconds per call in each setting, and how many times faster than moto that is."""
    measured = medians(calls, rounds)
    lines = [["call", *(f"{setting} µs" for setting in SETTINGS), *(f"moto/{setting}" for setting in SETTINGS[:-1])]]
    for call in CALLS:
        times = [measured[call, setting] for setting in SETTINGS]
        lines.append([call, *(f"{time:.1f}" for time in times), *(f"{times[-1] / time:.0f}" for time in times[:-1])])
    return _aligned(lines)


def growth_table(sizes: Sequence[int]) -> str:
    """Cost per item at each size, and of going back."""
    lines = [
        ["items", "load µs/item", "bytes/item", "by owner µs/item", "by kind µs/item", "checkpoint µs", "restore µs"]
    ]
    for size in sizes:
        one = growth(size)
        costs = (one.load, one.memory, one.by_owner, one.by_kind, one.checkpoint, one.restore)
        lines.append([f"{size:,}", *(f"{cost:.0f}" if cost >= 100 else f"{cost:.2f}" for cost in costs)])
    return _aligned(lines)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    ruled = [lines[0], ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])], *lines[1:]]
    return "\n".join(f"| {' | '.join(map(str.rjust, line, widths))} |" for line in ruled)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200, help="calls of a kind per round; a tenth on moto")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", default="12500,25000,50000,100000", help="items in the table")
    options = parser.parse_args(arguments)
    print(f"Medians over {options.rounds} rounds, in turns:\n")
    print(calls_table(options.calls, options.rounds))
    print(f"\nA table that grows; restore undoes {CHANGED} changes:\n")
    print(growth_table([int(size) for size in options.sizes.split(",")]))


if __name__ == "__main__":
    main()
