"""Where the time of a training step goes, in the regimes of the speed benchmark.

    python -m benchmarks.profile            # two minutes

Shares of the whole `fit`, in one process: drawing the batch's rows, affine maps (matrix
products and biases), the other layers, the loss, the optimizer (its penalty included), and
the rest (checks of X and y, initial weights, shuffling, this clock).
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from benchmarks.engines import Ours, Regime
from benchmarks.results import versions, write_section
from benchmarks.speed import REGIMES
from sknnlab._engine.batches import Step
from sknnlab._engine.layers import Op
from sknnlab.optimizers import Optimizer

SECONDS = 1.0  # of training, for each regime and dtype
HEADER = (
    "| regime | dtype | us/step | rows | affine | other layers | loss | optimizer | rest |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def time_method(kind: type, method: str, spent: Counter, name: str) -> None:
    """Let a method add its seconds to `spent[name]` from now on."""
    original = getattr(kind, method)

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - start

    setattr(kind, method, timed)


def kinds_of(kind: type) -> Iterator[type]:
    """Yield every subclass."""
    for one in kind.__subclasses__():
        yield one
        yield from kinds_of(one)


def clock() -> Counter:
    """Return what fills with the seconds of each kind of work."""
    spent: Counter = Counter()
    for op in kinds_of(Op):
        name = "affine" if "Dense" in op.__name__ or "Sparse" in op.__name__ else "layers"
        for method in {"forward", "backward"} & set(vars(op)):
            time_method(op, method, spent, name)
    time_method(Step, "evaluate", spent, "evaluate")
    time_method(Step, "run", spent, "run")
    time_method(Optimizer, "step", spent, "optimizer")
    return spent


def row(regime: Regime, dtype: str, spent: Counter) -> str:
    """Return a line of the table: medians over fits."""
    engine = Ours(regime, dtype)
    n_fits = max(3, round(SECONDS / engine.run()))
    shares, totals = [], []
    for _ in range(n_fits):
        spent.clear()
        total = engine.run()
        totals.append(total)
        ops = spent["affine"] + spent["layers"]
        parts = [
            spent["run"] - spent["evaluate"],
            spent["affine"],
            spent["layers"],
            spent["evaluate"] - ops,
            spent["optimizer"],
            total - spent["run"] - spent["optimizer"],
        ]
        shares.append([part / total for part in parts])
    step = statistics.median(totals) / regime.n_steps * 1e6
    cells = [f"{regime.name}: {'-'.join(map(str, regime.layers))}", dtype, f"{step:.0f}"]
    cells += [f"{statistics.median(column):.0%}" for column in zip(*shares, strict=True)]
    return "| " + " | ".join(cells) + " |"


def report() -> Iterator[str]:
    """Yield every line."""
    yield "## Where the time goes\n"
    yield f"{versions()}\n"
    yield f"`{' '.join(['python -m benchmarks.profile', *sys.argv[1:]])}`\n"
    yield HEADER
    spent = clock()
    for regime in REGIMES:
        for dtype in ("float32", "float64"):
            yield row(regime, dtype, spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, help="write the table to this file")
    options = parser.parse_args()
    lines = []
    for line in report():
        lines.append(line)
        print(line, flush=True)
    if options.output:
        write_section(options.output, "profile", "\n".join(lines))


if __name__ == "__main__":
    main()
