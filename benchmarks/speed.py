"""How fast training is beside scikit-learn's MLP and PyTorch, on the same updates.

    python -m benchmarks.speed            # all tables, about twenty minutes
    python -m benchmarks.speed --quick    # one regime, under a minute

Each engine runs in a process of its own. All take turns, several times after a warm-up;
medians are shown, with the spread (largest over smallest) of our own times. "products" is
the time of the bare matrix products over ours.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import pathlib
import statistics
import sys
import time
from collections.abc import Iterator

from benchmarks import tasks
from benchmarks.engines import Ours, Products, Regime, Sklearn, Torch
from benchmarks.results import versions, write_section

REGIMES = [
    Regime("batch 1", 1, (20, 32, 3), 1000, 2),
    Regime("batch 8", 8, (8, 16, 3), 400, 5),
    Regime("batch 32", 32, (20, 64, 64, 3), 100, 10),
    Regime("batch 32, batchnorm", 32, (20, 64, 64, 3), 100, 10, batchnorm=True),
    Regime("batch 32, dropout", 32, (20, 64, 64, 3), 100, 10, dropout=0.5),
    Regime("batch 64 regression", 64, (20, 64, 64, 1), 100, 10),
    Regime("batch 200", 200, (64, 100, 10), 20, 30),
    Regime("batch 200, tanh", 200, (64, 100, 10), 20, 30, activation="tanh"),
    Regime("batch 200 wide", 200, (784, 100, 10), 30, 10),
    Regime("batch 128", 128, (784, 256, 128, 10), 40, 5),
    Regime("batch 128, batchnorm", 128, (784, 256, 128, 10), 40, 5, batchnorm=True),
    Regime("batch 128, dropout", 128, (784, 256, 128, 10), 40, 5, dropout=0.5),
    Regime("batch 512", 512, (784, 256, 128, 10), 20, 4),
    Regime("batch 256 regression", 256, (100, 256, 256, 1), 20, 10),
    Regime("batch 256 deep", 256, (512, 512, 512, 512, 10), 20, 2),
    Regime("batch 512 deep", 512, (1024, 1024, 1024, 1024, 10), 10, 1),
    Regime("CSR, batch 128", 128, (50_000, 64, 10), 156, 1, density=65 / 50_000),
    Regime("CSR, batch 512", 512, (50_000, 64, 10), 39, 1, density=65 / 50_000),
    Regime(
        "CSR, batch 128, row-wise", 128, (50_000, 64, 10), 156, 1, density=65 / 50_000, lazy=True
    ),
]
QUICK = "batch 8"


def serve(connection, make) -> None:
    """Answer each request with the seconds of one run."""
    engine = make[0](*make[1:])
    while connection.recv():
        connection.send(engine.run())


class Worker:
    """An engine in a process of its own."""

    def __init__(self, kind, *arguments):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        arguments = (other, (kind, *arguments))
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        self.times: list[float] = []

    def run(self) -> float:
        self._connection.send(True)
        return self._connection.recv()

    def close(self) -> None:
        self._connection.send(False)
        self._process.join()


def engines(regime: Regime, dtype: str, torch: bool) -> dict[str, Worker]:
    """Return the engines that know this regime."""
    workers = {"ours": Worker(Ours, regime, dtype)}
    if not (regime.batchnorm or regime.dropout):
        workers["sklearn"] = Worker(Sklearn, regime, dtype)
        if dtype == "float32":
            workers["sklearn float64"] = Worker(Sklearn, regime, "float64")
    if torch and regime.density == 1:
        workers["torch, 1 thread"] = Worker(Torch, regime, dtype, 1)
        workers["torch, all threads"] = Worker(Torch, regime, dtype)
    if regime.density == 1:
        workers["products"] = Worker(Products, regime, dtype)
    return workers


def measure(regime: Regime, dtype: str, repetitions: int, torch: bool) -> dict[str, list[float]]:
    """Return the seconds of every engine, taking turns, after one warm-up each."""
    return take_turns(engines(regime, dtype, torch), repetitions)


def take_turns(workers: dict[str, Worker], repetitions: int) -> dict[str, list[float]]:
    """Return the seconds of every worker, one after the other, after one warm-up each."""
    for worker in workers.values():
        worker.run()
    for _ in range(repetitions):
        for worker in workers.values():
            time.sleep(0.15)  # let the last engine's idle threads go to sleep
            worker.times.append(worker.run())
    for worker in workers.values():
        worker.close()
    return {name: worker.times for name, worker in workers.items()}


def row(regime: Regime, dtype: str, times: dict[str, list[float]]) -> str:
    """Return one line of the table."""
    median = {name: statistics.median(values) for name, values in times.items()}
    ours = median["ours"]
    ratios = {name: f"{value / ours:.2f}" for name, value in median.items()}
    torch = [median[name] for name in median if name.startswith("torch")]
    cells = [
        f"{regime.name}: {'-'.join(map(str, regime.layers))}",
        dtype,
        f"{ours / regime.n_steps * 1e6:.0f}",
        f"{max(times['ours']) / min(times['ours']):.2f}",
        ratios.get("sklearn", "-"),
        ratios.get("sklearn float64", "-") if dtype == "float32" else ratios.get("sklearn", "-"),
        f"{min(torch) / ours:.2f}" if torch else "-",
        ratios.get("products", "-"),
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = (
    "| regime | dtype | us/step | spread | scikit-learn, same dtype | scikit-learn, float64 "
    "| torch | products |\n|---|---|---|---|---|---|---|---|"
)


TASKS = "| task | ours | scikit-learn / ours |\n|---|---|---|"
LINEAR = (
    "| model | time | objective over the best of its loss | training accuracy |\n|---|---|---|---|"
)


def race(kinds: dict[str, tuple], repetitions: int) -> dict[str, list[float]]:
    """Return the seconds of every engine, taking turns, after one warm-up each."""
    workers = {name: Worker(*kind) for name, kind in kinds.items()}
    return take_turns(workers, repetitions)


def steps(options: argparse.Namespace, torch: bool) -> Iterator[str]:
    """Yield the lines of the table of training steps."""
    yield "### Training, end to end `fit`\n"
    yield HEADER
    dtypes = [options.dtype] if options.dtype else ["float32", "float64"]
    for regime in REGIMES:
        if options.only not in regime.name or (options.quick and regime.name != QUICK):
            continue
        for dtype in dtypes[: 1 if options.quick else None]:
            repetitions = 2 if options.quick else options.repetitions
            yield row(regime, dtype, measure(regime, dtype, repetitions, torch))


def tables(options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the tables of whole tasks."""
    repetitions = 1 if options.quick else options.repetitions
    yield "\n### Whole tasks\n"
    yield TASKS
    kinds = [tasks.predict_rows] if options.quick else tasks.RACES
    for rows in kinds:
        for cells in rows(race, repetitions):
            yield "| " + " | ".join(cells) + " |"
    n_samples = 1_000 if options.quick else 60_000
    for cells in tasks.size_rows(n_samples, repetitions):
        yield "| " + " | ".join(cells) + " |"
    yield f"\n### Linear classifiers on {n_samples:,} x 784\n"
    yield LINEAR
    limits = ([10], [20]) if options.quick else ([7, 10, 50, 100], [20, 40, 60, 80, 120, 240])
    for cells in tasks.linear_rows(n_samples, *limits):
        yield "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one regime, few repetitions")
    parser.add_argument("--only", default="", help="regimes whose name contains this, no tasks")
    parser.add_argument("--dtype", choices=["float32", "float64"], help="one precision only")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", type=pathlib.Path, help="write the tables to this file")
    options = parser.parse_args()
    torch = importlib.util.find_spec("torch") is not None
    lines = []
    for line in report(options, torch):
        lines.append(line)
        print(line, flush=True)
    if options.output:
        write_section(options.output, "speed", "\n".join(lines))


def report(options: argparse.Namespace, torch: bool) -> Iterator[str]:
    """Yield every line."""
    yield "## Speed\n"
    yield f"{versions('torch')}\n"
    yield f"`python -m benchmarks.speed {' '.join(sys.argv[1:])}`".replace(" `", "`") + "\n"
    if not torch:
        yield "torch is not installed; its column is empty.\n"
    yield from steps(options, torch)
    if not options.only:
        yield from tables(options)


if __name__ == "__main__":
    main()
