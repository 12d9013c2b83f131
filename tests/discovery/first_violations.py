"""How many schedules each strategy needs to find the first violation of each racy model.

    python tests/discovery/first_violations.py

prints the table.  The scenario is the first one of two requests in which the exhaustive strategy finds a violation; the random
strategies are run with several seeds, of which the median is shown.
"""

from __future__ import annotations

import json
import statistics
from functools import cache
from pathlib import Path

from toctou import Model
from toctou.checking.check import check
from toctou.client.backends import backend_named
from toctou.declaration.loading import LoadedModel, load
from toctou.declaration.scenario import Scenario
from toctou.execution.judges import oracles_for
from toctou.execution.judging import judged
from toctou.execution.laboratory import Laboratory
from toctou.scheduling.restart import Restart
from toctou.scheduling.runner import Limits
from toctou.scheduling.strategies import STRATEGIES
from toctou.scheduling.strategies.strategy import Strategy
from toctou.search.options import Options
from toctou.verdict import Verdict

MODELS = Path(__file__).parents[2] / "models"
SEEDS = range(15)
MOST = 200
RANDOM = [name for name, strategy in STRATEGIES.items() if not strategy.ends]
COMPLETE = [name for name, strategy in STRATEGIES.items() if strategy.ends]


EXPECTED = json.loads((MODELS / "expected.json").read_text(encoding="utf-8"))
RACY = [name for name, verdict in EXPECTED.items() if verdict == "VIOLATED"]


@cache
def racy_scenario(name: str) -> tuple[LoadedModel, Scenario]:
    """A racy model under ``models`` with a scenario that shows it."""
    file, _, model = name.rpartition("/")[2].partition(":")
    (loaded,) = load([f"{MODELS / file}:{model}"])
    result = check([loaded], Options(confirm=False)).models[0]
    violated = next(one for one in result.scenarios if one.verdict is Verdict.VIOLATED)
    return loaded, Scenario(violated.requests)


def schedules_to_violation(model: type[Model], scenario: Scenario, strategy: str, seed: int) -> int:
    """Executions up to and including the first one that an oracle objects to; ``MOST`` + 1 if there is none by then."""
    laboratory = Laboratory(model, backend_named("embedded"), Limits())
    with laboratory.opened():
        chooser: Strategy = STRATEGIES[strategy](seed)
        oracles = oracles_for(laboratory, scenario)
        for count in range(1, MOST + 1):
            try:
                begun = chooser.begin()
            except Restart as over:  # what was run before counts all the same: it has been paid for
                chooser = over.strategy
                begun = chooser.begin()
            if not begun:
                break
            execution = laboratory.execute(scenario, chooser)
            if execution is not None and any(judged(execution, oracles)):
                return count
    return MOST + 1


def needed(model: type[Model], scenario: Scenario, strategy: str) -> float:
    """The median over the seeds; a complete strategy has one."""
    seeds = SEEDS if strategy in RANDOM else range(1)
    return statistics.median(schedules_to_violation(model, scenario, strategy, seed) for seed in seeds)


def main() -> None:
    """Print the table."""
    names = [*COMPLETE, *RANDOM]
    print(f"{'model':48}" + "".join(f"{name:>12}" for name in names))
    for loaded, scenario in map(racy_scenario, RACY):
        row = [needed(loaded.model, scenario, name) for name in names]
        print(f"{loaded.name:48}" + "".join(f"{count:12g}" for count in row))


if __name__ == "__main__":
    main()
