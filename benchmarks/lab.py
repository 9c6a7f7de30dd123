"""The lab under test: are planted faults named first, healthy runs left in peace, faults repaired?

    python -m benchmarks.lab FOLDER --store FILE    # all of it, under an hour on one core
    python -m benchmarks.lab FOLDER --quick         # a few faults and homes, one seed

`benchmarks.faults` plants each fault mildly and severely into networks on the folder's data
sets; the seed draws the rows, the home and the size of the fault. *Named first* is a fault
whose check stands in `Diagnosis.advice`, with the right thing measured. *Accused* is a
healthy run with a problem. *Repaired* is a fault where what ``repair(finish=True)`` returns
reaches 95 % of the score (accuracy or R^2 on test rows) of the home without the fault.
*Changed* is a healthy estimator that ``repair`` returns with other parameters. Seconds are of
the processor, one thread, over those of the healthy run's fit.

With `--store` each result is a line of JSON in that file, and a run leaves out what is
there; `--report` only prints what is. `--seeds` are other seeds than those that the lab was
developed on.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy: runs share the cores

import numpy as np

from benchmarks.faults import FAULTS, plant
from benchmarks.homes import HOMES, Case, healthy
from benchmarks.results import KeptResults, versions, write_section
from sknnlab import diagnose

REACHED = 0.95  # of the healthy run's score
QUICK_FAULTS = ["features too large", "rate too high", "equal weights"]
QUICK_HOMES = ["covertype", "kin8nm"]


class Run(NamedTuple):
    """What identifies a result."""

    half: str  # "diagnosis" or "repair"
    fault: str  # "" in a healthy run
    severe: bool
    seed: int
    home: str = ""  # of a healthy run

    @property
    def name(self) -> str:
        """The run in words."""
        what = f"{self.fault}, {'severe' if self.severe else 'mild'}" if self.fault else self.home
        return f"{what}, seed {self.seed}"


# -- measuring -------------------------------------------------------------------------


def timed(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, float]:
    start = time.process_time()
    result = function(*args, **kwargs)
    return result, time.process_time() - start


def case_of(folder: pathlib.Path, run: Run) -> tuple[Case, Case]:
    """Return the case of a run, and what is healthy beside it."""
    if not run.fault:
        case = healthy(folder, run.home, run.seed)
        return case, case
    case = plant(folder, run.fault, run.severe, run.seed)
    return case, case.healthy or healthy(folder, case.home, run.seed)


def measure(folder: pathlib.Path, run: Run) -> dict[str, Any]:
    """Return the result of a run, or what went wrong."""
    result = {**run._asdict()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case, well = case_of(folder, run)
            score, seconds = timed(well.score, well.estimator)
            result |= {"home": case.home, "healthy_score": score, "fit_seconds": seconds}
            half = diagnosed if run.half == "diagnosis" else repaired
            return result | half(case, run)
    except Exception as error:  # hours of other results shall not be lost to it
        return result | {"failure": f"{type(error).__name__}: {error}"}


def diagnosed(case: Case, run: Run) -> dict[str, Any]:
    """Return what the diagnosis named first, and what it complained of."""
    diagnosis, seconds = timed(diagnose, case.estimator, case.X, case.y, **(case.validation or {}))
    complaints = [one for one in diagnosis.findings if one.status != "ok"]
    complaints.sort(key=lambda one: one.status)  # problems first, in their order
    result: dict[str, Any] = {
        "seconds": seconds,
        "complaints": [[one.status, one.check, one.measured] for one in complaints],
    }
    if run.fault:
        what = FAULTS[run.fault]
        first = complaints[0] if complaints else None
        result["named"] = bool(
            first
            and first.check in what.checks
            and (not what.words or any(word in first.measured for word in what.words))
        )
    return result


def repaired(case: Case, run: Run) -> dict[str, Any]:
    """Return what a repair reaches, and whether it changed anything."""
    from sknnlab.inspection import repair

    given = {**(case.validation or {}), "random_state": run.seed}
    if not run.fault:
        outcome, seconds = timed(repair, case.estimator, case.X, case.y, **given)
        changed = repr(outcome.estimator.get_params()) != repr(case.estimator.get_params())
        return {"seconds": seconds, "changed": changed, "rounds": str(outcome)}
    outcome, seconds = timed(repair, case.estimator, case.X, case.y, finish=True, **given)
    return {
        "seconds": seconds,
        "faulty_score": _score_or_nan(case, case.estimator),
        "score": _score_or_nan(case, outcome.estimator),
        "rounds": str(outcome),
    }


def _score_or_nan(case: Case, estimator: Any) -> float:
    try:
        return case.score(estimator)
    except ValueError:  # it diverges
        return float("nan")


class Store(KeptResults):
    """Results by run, kept in a file if there is one."""

    def run_of(self, result: dict[str, Any]) -> Run:
        home = "" if result["fault"] else result["home"]
        names = ("half", "fault", "severe", "seed")
        return Run(*(result[name] for name in names), home)


def fill(store: Store, folder: pathlib.Path, runs: list[Run]) -> Iterator[str]:
    """Measure what the store does not hold; yield what failed."""
    missing = [run for run in runs if run not in store.results]
    for i, run in enumerate(missing, 1):
        print(f"\r{i} of {len(missing)}: {run.name}\033[K", end="", file=sys.stderr, flush=True)
        result = measure(folder, run)
        if "failure" in result:
            yield f"\n{run.half}, {run.name}: {result['failure']}"
        else:
            store.add(result)
    print(file=sys.stderr)


# -- tables ----------------------------------------------------------------------------


def mine(store: Store, runs: list[Run], half: str, faulty: bool) -> list[tuple[Run, Any]]:
    """Return the results of one half, of faults or of healthy runs."""
    kept = [run for run in runs if run.half == half and bool(run.fault) == faulty]
    return [(run, store.results[run]) for run in kept if run in store.results]


def share(hits: list[bool]) -> str:
    return f"{sum(hits)} of {len(hits)} ({np.mean(hits):.1%})" if hits else "-"


def multiples(results: list[tuple[Run, Any]]) -> str:
    """Return median and largest cost, in fits of the healthy run."""
    if not results:
        return "-"
    ratios = [one["seconds"] / max(one["fit_seconds"], 1e-9) for _, one in results]
    seconds = [one["seconds"] for _, one in results]
    return (
        f"{np.median(ratios):.1f} fits (a tenth above {np.quantile(ratios, 0.9):.1f}), "
        f"{np.median(seconds):.1f} s"
    )


def reached(result: dict[str, Any]) -> bool:
    return result["score"] >= REACHED * result["healthy_score"]


def summary(store: Store, runs: list[Run]) -> Iterator[str]:
    """Yield the table of what is to be reached."""
    named = mine(store, runs, "diagnosis", True)
    well = mine(store, runs, "diagnosis", False)
    all_mended, kept = (mine(store, runs, "repair", faulty) for faulty in (True, False))
    mended = [(run, one) for run, one in all_mended if FAULTS[run.fault].repairable]
    accused = [any(status == "problem" for status, *_ in one["complaints"]) for _, one in well]
    yield "| measure | goal | reached |\n| --- | --- | --- |"
    yield f"| faults named first | 95 % | {share([one['named'] for _, one in named])} |"
    yield f"| healthy runs accused | 0 | {share(accused)} |"
    yield f"| repaired, of the repairable | 90 % | {share([reached(one) for _, one in mended])} |"
    yield f"| healthy estimators changed | 0 | {share([one['changed'] for _, one in kept])} |"
    yield f"| a diagnosis of a fault costs | - | {multiples(named)} |"
    yield f"| a diagnosis of a healthy run | - | {multiples(well)} |"
    yield f"| a repair with finish | - | {multiples(mended)} |"
    yield f"| a repair of a healthy run | - | {multiples(kept)} |"


def by_fault(store: Store, runs: list[Run]) -> Iterator[str]:
    """Yield a line for each fault: of its runs, how many were named and repaired."""
    yield "| fault | mild: named | repaired | severe: named | repaired |\n" + "| --- " * 5 + "|"
    for fault, what in FAULTS.items():
        cells = []
        for severe in (False, True):
            halves = {
                half: [
                    one
                    for run, one in mine(store, runs, half, True)
                    if (run.fault, run.severe) == (fault, severe)
                ]
                for half in ("diagnosis", "repair")
            }
            cells.append(fraction([one["named"] for one in halves["diagnosis"]]))
            mended = [reached(one) for one in halves["repair"]]
            cells.append(fraction(mended) if what.repairable else "the user's")
        if any(cell != "-" for cell in (cells[0], cells[2])):
            yield f"| {fault} | {' | '.join(cells)} |"


def fraction(hits: list[bool]) -> str:
    return f"{sum(hits)}/{len(hits)}" if hits else "-"


def misses(store: Store, runs: list[Run]) -> Iterator[str]:
    """Yield what was not reached, by name."""
    for run, one in mine(store, runs, "diagnosis", True):
        if not one["named"]:
            first = one["complaints"][0] if one["complaints"] else ["", "nothing", "no complaint"]
            yield f"- not named first: {run.name}, {one['home']}: {first[1]}: {first[2]}"
    for run, one in mine(store, runs, "diagnosis", False):
        for status, check, measured in one["complaints"]:
            if status == "problem":
                yield f"- accused: {run.name}: {check}: {measured}"
    for run, one in mine(store, runs, "repair", True):
        if FAULTS[run.fault].repairable and not reached(one):
            scores = f"{one['faulty_score']:.3f} to {one['score']:.3f}"
            well = f"{one['healthy_score']:.3f}"
            yield f"- not repaired: {run.name}, {one['home']}: {scores} of {well}"
    for run, one in mine(store, runs, "repair", False):
        if one["changed"]:
            yield f"- changed: {run.name}"


def parts(runs: list[Run]) -> list[list[Run]]:
    """Return the runs of each half."""
    return [[run for run in runs if run.half == half] for half in ("diagnosis", "repair")]


def main() -> None:
    arguments = parse()
    seeds = [0] if arguments.quick else arguments.seeds
    faults = QUICK_FAULTS if arguments.quick else arguments.faults or list(FAULTS)
    homes = QUICK_HOMES if arguments.quick else arguments.homes or list(HOMES)
    if unknown := sorted({*faults} - {*FAULTS} | {*homes} - {*HOMES}):
        raise SystemExit(f"unknown: {unknown}; there are {[*FAULTS]} and {[*HOMES]}.")
    runs = [
        Run(half, fault, severe, seed)
        for half in arguments.halves
        for seed in seeds
        for fault in faults
        for severe in (False, True)
    ]
    runs = [run for run in runs if run.half == "diagnosis" or FAULTS[run.fault].repairable]
    runs += [
        Run(half, "", False, seed, home)
        for half in arguments.halves
        for seed in seeds
        for home in homes
    ]
    store = Store(arguments.store)
    failures = [] if arguments.report else list(fill(store, arguments.folder, runs))
    done = [sum(run in store.results for run in part) for part in (runs, *parts(runs))]
    report = "\n".join(
        [
            "## The lab",
            f"\n{versions()}\n",
            "`python -m benchmarks.lab FOLDER`\n",
            f"{2 * len(faults)} faults and {len(homes)} healthy configurations, seeds "
            f"{', '.join(map(str, seeds))}: {done[0]} of {len(runs)} runs, {done[1]} of them "
            f"diagnoses and {done[2]} repairs.\n",
            *summary(store, runs),
            "\n### By fault\n",
            *by_fault(store, runs),
            "\n### Misses\n",
            *(list(misses(store, runs)) or ["None."]),
            *failures,
        ]
    )
    print(report)
    if arguments.write:
        write_section(arguments.write, "lab", report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lab")
    parser.add_argument("folder", type=pathlib.Path, help="the data sets, with load.py")
    parser.add_argument("--quick", action="store_true", help="a few faults and homes, one seed")
    parser.add_argument("--store", type=pathlib.Path, help="file of results, to go on from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--faults", nargs="+", help="by name; default all")
    parser.add_argument("--homes", nargs="+", help="healthy configurations; default all")
    halves = ["diagnosis", "repair"]
    parser.add_argument("--halves", nargs="+", default=halves, choices=halves)
    parser.add_argument("--report", action="store_true", help="tables of what the store holds")
    parser.add_argument("--write", type=pathlib.Path, help="write the tables into this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
