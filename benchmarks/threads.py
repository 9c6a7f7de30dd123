"""One BLAS thread or all of them: on an idle machine, and beside another process.

    python -m benchmarks.threads            # five minutes

Seconds of `fit` with one thread over those with all, pair by pair, for steps whose largest
product grows; once alone, and once while a process of no use keeps a core busy. The rule in
`sknnlab._engine.threads` is to be read off: several threads only where they gain clearly.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.engines import Ours, Regime
from benchmarks.results import versions, write_section
from sknnlab._engine import threads

REGIMES = [
    Regime("batch 200", 200, (784, 100, 10), 15, 4),
    Regime("batch 256 regression", 256, (100, 256, 256, 1), 10, 6),
    Regime("batch 128", 128, (784, 256, 128, 10), 20, 3),
    Regime("batch 256 deep", 256, (512, 512, 512, 512, 10), 5, 2),
    Regime("batch 512", 512, (784, 256, 128, 10), 10, 3),
    Regime("batch 512 deep", 512, (1024, 1024, 1024, 1024, 10), 4, 1),
]
HEADER = (
    "| regime | largest product | idle: one / all | least and most | busy: one / all | "
    "least and most |\n|---|---|---|---|---|---|"
)
BUSY = "while True:\n    pass"


@contextlib.contextmanager
def beside(busy: bool) -> Iterator[None]:
    """Keep a core busy inside the block."""
    other = subprocess.Popen([sys.executable, "-c", BUSY]) if busy else None
    try:
        yield
    finally:
        if other is not None:
            other.kill()
            other.wait()


def seconds(engine: Ours, serial_below: float) -> float:
    """Return the seconds of one fit, one thread below this size of product."""
    threads.SERIAL_BELOW = serial_below  # type: ignore[assignment]
    time.sleep(0.15)  # let idle threads go to sleep
    return engine.run()


def ratios(regime: Regime, busy: bool, n_pairs: int) -> list[float]:
    """Return one thread's seconds over those of all, pair by pair."""
    engine = Ours(regime, "float32")
    with beside(busy):
        engine.run()
        return [seconds(engine, float("inf")) / seconds(engine, 0) for _ in range(n_pairs)]


def report(n_pairs: int) -> Iterator[str]:
    """Yield every line."""
    rule = threads.SERIAL_BELOW
    yield "## One BLAS thread or all\n"
    yield f"{versions()}\n"
    yield f"`{' '.join(['python -m benchmarks.threads', *sys.argv[1:]])}`\n"
    yield (
        f"Above 1, several threads gain. The rule takes one below {rule / 1e6:g} million "
        "multiplications.\n"
    )
    yield HEADER
    for regime in REGIMES:
        product = regime.batch * max(a * b for a, b in pairwise(regime.layers))
        cells = [f"{regime.name}: {'-'.join(map(str, regime.layers))}", f"{product / 1e6:.3g}e6"]
        for busy in (False, True):
            found = ratios(regime, busy, n_pairs)
            cells += [f"{statistics.median(found):.2f}", f"{min(found):.2f}, {max(found):.2f}"]
        yield "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--output", type=pathlib.Path, help="write the table to this file")
    options = parser.parse_args()
    lines = []
    for line in report(options.pairs):
        lines.append(line)
        print(line, flush=True)
    if options.output:
        write_section(options.output, "threads", "\n".join(lines))


if __name__ == "__main__":
    main()
