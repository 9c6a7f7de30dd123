"""What a fitted model costs in service: one row, the file, and the start of a process.

    python -m benchmarks.serving            # two minutes; wants onnxruntime and skl2onnx

The model is a Pipeline of StandardScaler and a network 64-100-10 on the digits. One row is
predicted by scikit-learn's network, by ours, and by ours as ONNX; then the same without
what scikit-learn's Pipeline and checks add. A start is ``python -c`` from nothing to the
first prediction, with what its imports take, package by package.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sklearn.neural_network
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.results import versions, write_section
from sknnlab import MLPClassifier

ROWS, CALLS, TURNS, STARTS = 1, 300, 15, 7


def fitted(kind: type) -> Any:
    """Return a fitted Pipeline around a network."""
    X, y = load_digits(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(StandardScaler(), kind(max_iter=20, random_state=0)).fit(X, y)


def onnx_session(model: Any, X: np.ndarray) -> tuple[bytes, Callable[[np.ndarray], Any]]:
    """Return a graph's bytes and its ``predict``."""
    import onnxruntime

    from sknnlab.export import to_onnx

    graph = to_onnx(model, X).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return graph, lambda row: session.run(None, {name: row})[0]


def microseconds(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the median time of each call; all take turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(TURNS + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(CALLS):
                call()
            times[name].append((time.perf_counter() - start) / CALLS * 1e6)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def unchecked(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call under scikit-learn's settings that check least."""

    def run() -> Any:
        with config_context(assume_finite=True, skip_parameter_validation=True):
            return call()

    return run


def one_row(ours: Any, theirs: Any, predict: Callable[[np.ndarray], Any]) -> Iterator[str]:
    """Yield the table of single predictions."""
    row = load_digits().data[:ROWS]
    scaled, short = ours[0].transform(row), row.astype(np.float32)
    weights = ours[1].coefs_, ours[1].intercepts_

    def arithmetic() -> Any:
        hidden = np.maximum(scaled @ weights[0][0] + weights[1][0], 0)
        return (hidden @ weights[0][1] + weights[1][1]).argmax(axis=1)

    found = microseconds(
        {
            "Pipeline, scikit-learn's network": lambda: theirs.predict(row),
            "Pipeline, ours": lambda: ours.predict(row),
            "the same with `assume_finite=True`": unchecked(lambda: ours.predict(row)),
            "of it `StandardScaler.transform`": lambda: ours[0].transform(row),
            "of it our network's `predict`": lambda: ours[1].predict(scaled),
            "the bare arithmetic in NumPy": arithmetic,
            "Pipeline, ours, as ONNX in float32": lambda: predict(short),
        }
    )
    base = found["Pipeline, scikit-learn's network"]
    yield "| one row | us | scikit-learn / it |\n|---|---|---|"
    for name, took in found.items():
        shown = f"{base / took:.1f}" if name.startswith("Pipeline") else "-"
        yield f"| {name} | {took:.1f} | {shown} |"


def sizes(ours: Any, theirs: Any, graph: bytes) -> Iterator[str]:
    """Yield the table of file sizes."""
    bare = sum(one.nbytes for one in ours[1].coefs_ + ours[1].intercepts_)
    found = {
        "the parameters themselves, float64": bare,
        "pickle, scikit-learn's network": len(pickle.dumps(theirs)),
        "pickle, ours": len(pickle.dumps(ours)),
    }
    ours[1].trim()
    found["pickle, ours, after `trim()`"] = len(pickle.dumps(ours))
    found["ONNX, ours, float32"] = len(graph)
    yield "| file | kB | over the parameters |\n|---|---|---|"
    for name, size in found.items():
        yield f"| {name} | {size / 1e3:.0f} | {size / bare:.2f} |"


LOAD = "import pickle, sys; model = pickle.load(open(sys.argv[1], 'rb')); "
ROW = "import numpy; row = numpy.zeros((1, 64)); "
START = {
    "numpy alone": ROW,
    "scikit-learn's network": ROW + LOAD + "model.predict(row)",
    "ours": ROW + LOAD + "model.predict(row)",
    "ours, as ONNX": ROW
    + "import onnxruntime, sys; session = onnxruntime.InferenceSession(sys.argv[1]); "
    + "session.run(None, {session.get_inputs()[0].name: row.astype('f4')})",
}


def run_python(code: str, path: pathlib.Path, *options: str) -> tuple[float, str]:
    """Return the seconds of a new process, and what it wrote to stderr.

    What it compiles is kept beside the file, for the next one.
    """
    command = [sys.executable, *options, "-c", code, str(path)]
    cache = str(path.with_suffix(".cache"))
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": cache}
    start = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return time.perf_counter() - start, run.stderr


def shares(log: str) -> str:
    """Return the packages whose modules take longest to import, with milliseconds."""
    took: Counter[str] = Counter()
    for lasted, module in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", log, re.M):
        package = module.split(".")[0]
        named = package in ("numpy", "scipy", "sklearn", "sknnlab", "pandas", "onnxruntime")
        took[package if named else "all others"] += int(lasted)
    return ", ".join(f"{name} {lasted / 1e3:.0f}" for name, lasted in took.most_common())


def starts(files: dict[str, pathlib.Path]) -> Iterator[str]:
    """Yield the table of starts."""
    times: dict[str, list[float]] = {name: [] for name in START}
    for _ in range(STARTS + 1):  # the first one compiles
        for name, code in START.items():
            times[name].append(run_python(code, files[name])[0])
    yield "| `python -c` to the first prediction | ms | imports by package, ms |\n|---|---|---|"
    for name, code in START.items():
        median = statistics.median(times[name][1:])
        log = run_python(code, files[name], "-X", "importtime")[1]
        yield f"| {name} | {median * 1e3:.0f} | {shares(log)} |"


def report() -> Iterator[str]:
    """Yield every line."""
    yield "## Serving\n"
    yield f"{versions('onnxruntime', 'skl2onnx', 'pandas')}\n"
    yield "`python -m benchmarks.serving`\n"
    yield "Pipeline of StandardScaler and a network 64-100-10, float64 rows, one BLAS thread.\n"
    ours, theirs = fitted(MLPClassifier), fitted(sklearn.neural_network.MLPClassifier)
    graph, predict = onnx_session(ours, load_digits().data[:1].astype(np.float32))
    yield from one_row(ours, theirs, predict)
    yield ""
    yield from sizes(ours, theirs, graph)
    yield ""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: pathlib.Path(folder) / f"{i}" for i, name in enumerate(START)}
        files["scikit-learn's network"].write_bytes(pickle.dumps(theirs))
        files["ours"].write_bytes(pickle.dumps(ours))
        files["ours, as ONNX"].write_bytes(graph)
        yield from starts(files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, help="write the tables to this file")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    lines = []
    for line in report():
        lines.append(line)
        print(line, flush=True)
    if options.output:
        write_section(options.output, "serving", "\n".join(lines))


if __name__ == "__main__":
    main()
