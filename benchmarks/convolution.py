"""How fast convolutional networks train beside PyTorch, on the same updates.

    python -m benchmarks.convolution                    # six networks, about five minutes
    python -m benchmarks.convolution --quick            # the smallest, under a minute
    python -m benchmarks.convolution --search FOLDER    # a search over 2,000 images instead

Each engine runs in a process of its own; all take turns, several times after a warm-up. The
ratio is the median of the paired ratios of CPU times where one thread is used (other work on
the machine then disturbs both alike), of wall-clock times elsewhere. torch is eager with fused
Adam, in the better of its two memory layouts.

The kernels that OpenBLAS takes decide: with those without AVX-512 (OPENBLAS_CORETYPE=Haswell in
the environment) our products take twice as long, while torch keeps its own. The first line of the
report names them. Memory is what a training run holds beyond the parameters, their gradient and
the moments of Adam.
"""

from __future__ import annotations

import argparse
import importlib.util
import pathlib
import resource
import statistics
import sys
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.results import versions, write_section
from benchmarks.speed import Worker

BATCH = 64


@dataclass(frozen=True)
class Regime:
    """A network, and how many steps a run takes."""

    name: str
    shape: tuple[int, int, int]
    blocks: tuple[int, ...]
    dense: int
    n_batches: int
    convs_per_block: int = 1
    pools: tuple[int, ...] = (2, 2)
    batchnorm: bool = False

    def data(self) -> tuple:
        rng = np.random.default_rng(0)
        n = BATCH * self.n_batches
        return rng.random((n, *self.shape), dtype=np.float32), rng.integers(0, 10, n)


def network(regime: Regime):
    """Return our estimator."""
    from sknnlab import ConvNetClassifier

    return ConvNetClassifier(
        regime.blocks,
        (regime.dense,),
        convs_per_block=regime.convs_per_block,
        pool_size=list(regime.pools),
        batchnorm=regime.batchnorm,
        max_iter=1,
        random_state=0,
    )


def megabytes(regime: Regime) -> float:
    """Return the memory of a run beyond parameters, gradient and moments."""
    X, y = (part[:BATCH] for part in regime.data())
    network(regime)._prepare(X, y).training()  # imports, and what is made once
    tracemalloc.start()
    training = network(regime)._prepare(X, y).training()
    held = tracemalloc.get_traced_memory()[0] - 4 * training.network.params.nbytes
    tracemalloc.stop()
    return held / 1e6


REGIMES = [
    Regime("A: 32x32x3, conv16-conv32-dense100", (32, 32, 3), (16, 32), 100, 20),
    Regime("A with batchnorm", (32, 32, 3), (16, 32), 100, 20, batchnorm=True),
    Regime("B: 32x32x3, (conv32, conv64) x 2-dense256", (32, 32, 3), (32, 64), 256, 5, 2),
    Regime("B with batchnorm", (32, 32, 3), (32, 64), 256, 5, 2, batchnorm=True),
    Regime("C: 28x28x1, conv16-conv32-dense100", (28, 28, 1), (16, 32), 100, 20),
    Regime("D: 8x8 digits, conv16-conv32-dense64", (8, 8, 1), (16, 32), 64, 60, pools=(1, 2)),
]
QUICK = "D"


class Engine:
    """Trains from scratch; reports seconds of the wall clock, of the CPU, and peak memory."""

    def __init__(self, regime: Regime):
        self.regime = regime
        self.X, self.y = regime.data()

    def train(self) -> None:
        raise NotImplementedError

    def run(self) -> tuple[float, float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        self.train()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return time.perf_counter() - wall, time.process_time() - cpu, memory


class Ours(Engine):
    def __init__(self, regime: Regime, n_threads: int):
        from threadpoolctl import threadpool_limits

        super().__init__(regime)
        threadpool_limits(n_threads)

    def train(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network(self.regime).fit(self.X, self.y)


class Torch(Engine):
    def __init__(self, regime: Regime, n_threads: int, channels_last: bool):
        import torch

        super().__init__(regime)
        torch.set_num_threads(n_threads)
        self.torch = torch
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.layout = layout
        images = torch.from_numpy(self.X.transpose(0, 3, 1, 2).copy())
        self.images, self.labels = images.contiguous(memory_format=layout), torch.from_numpy(self.y)

    def net(self):
        nn, regime = self.torch.nn, self.regime
        layers: list = []
        height, _, channels = regime.shape
        for width, pool in zip(regime.blocks, regime.pools, strict=True):
            for _ in range(regime.convs_per_block):
                layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=not regime.batchnorm))
                if regime.batchnorm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU(inplace=True))
                channels = width
            if pool > 1:
                layers.append(nn.MaxPool2d(pool))
                height //= pool
        layers += [nn.Flatten(), nn.Linear(height * height * channels, regime.dense)]
        if regime.batchnorm:
            layers.append(nn.BatchNorm1d(regime.dense))
        layers += [nn.ReLU(inplace=True), nn.Linear(regime.dense, 10)]
        return nn.Sequential(*layers).to(memory_format=self.layout)

    def train(self) -> None:
        torch, net = self.torch, self.net()
        loss = torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        total = torch.zeros(())
        for index in torch.randperm(len(self.images)).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            x = self.images[index].contiguous(memory_format=self.layout)
            value = loss(net(x), self.labels[index])
            value.backward()
            optimizer.step()
            total += value.detach()
        total.item()


def measure(regime: Regime, n_threads: int, repetitions: int, torch: bool) -> dict[str, list]:
    """Return (wall, cpu, memory) of every engine, run by run, taking turns."""
    workers = {"ours": Worker(Ours, regime, n_threads)}
    if torch:
        workers["torch"] = Worker(Torch, regime, n_threads, False)
        workers["torch, channels last"] = Worker(Torch, regime, n_threads, True)
    for worker in workers.values():
        worker.run()
    for _ in range(repetitions):
        for worker in workers.values():
            time.sleep(0.15)  # let the last engine's idle threads go to sleep
            worker.times.append(worker.run())
    for worker in workers.values():
        worker.close()
    return {name: worker.times for name, worker in workers.items()}


def row(regime: Regime, n_threads: int, runs: dict[str, list]) -> str:
    """Return one line of the table."""
    clock = 1 if n_threads == 1 else 0
    ours = [one[clock] for one in runs["ours"]]
    ratios = [
        statistics.median(one[clock] / mine for one, mine in zip(times, ours, strict=True))
        for name, times in runs.items()
        if name != "ours"
    ]
    cells = [
        regime.name,
        str(n_threads),
        f"{statistics.median(ours) / regime.n_batches * 1e3:.2f}",
        f"{max(ours) / min(ours):.2f}",
        f"{megabytes(regime):.0f}",
        f"{min(ratios):.2f}" if ratios else "-",
        ", ".join(f"{ratio:.2f}" for ratio in ratios) or "-",
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = (
    "| network, batch 64, float32 | threads | ms/step | spread | MB | torch / ours "
    "| plain, channels last |\n|---|---|---|---|---|---|---|"
)


def report(options: argparse.Namespace, torch: bool) -> Iterator[str]:
    """Yield every line."""
    yield "## Speed of convolutional networks\n"
    yield f"{versions('torch')}\n"
    yield f"`python -m benchmarks.convolution {' '.join(sys.argv[1:])}`".replace(" `", "`") + "\n"
    if not torch:
        yield "torch is not installed; its columns are empty.\n"
    yield HEADER
    for n_threads in options.threads:
        for regime in REGIMES:
            if options.only not in regime.name or (options.quick and regime.name[0] != QUICK):
                continue
            repetitions = 2 if options.quick else options.repetitions
            yield row(regime, n_threads, measure(regime, n_threads, repetitions, torch))


def search(folder: pathlib.Path) -> Iterator[str]:
    """Yield what a search over few coloured images comes to."""
    from scipy.stats import loguniform, uniform
    from sklearn.pipeline import make_pipeline

    from benchmarks import datasets
    from sknnlab import CoarseToFineSearchCV, ConvNetClassifier
    from sknnlab.preprocessing import ImageCenterer

    shape = (32, 32, 3)
    split = datasets.images(folder, "cifar10", 2000)
    net = ConvNetClassifier(image_shape=shape, max_iter=12, random_state=0)
    scaled = ImageCenterer("channel", scale=datasets.BYTES, image_shape=shape)
    ranges = {
        "convnetclassifier__learning_rate_init": loguniform(1e-4, 1e-1),
        "convnetclassifier__dropout": uniform(0, 0.7),
        "convnetclassifier__kernel_size": [3, 5],
        "convnetclassifier__conv_layer_sizes": [(8, 16), (16, 32)],
    }
    found = CoarseToFineSearchCV(
        make_pipeline(scaled, net), ranges, n_iter=12, cv=2, random_state=0
    )
    yield "## Searching convolutional networks\n"
    yield f"{versions()}\n"
    yield "`python -m benchmarks.convolution --search FOLDER`\n"
    start = time.process_time()
    found.fit(split.X_train, split.y_train)
    seconds = time.process_time() - start
    best = {name.split("__")[1]: value for name, value in found.best_params_.items()}
    yield (
        f"12 candidates, two folds of 2,000 images of CIFAR-10, up to 12 epochs: {seconds:.0f} "
        f"seconds of one thread. Best: {best}, {found.best_score_:.3f} in the folds, "
        f"{found.score(split.X_test, split.y_test):.3f} on 2,000 test images."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smallest, few repetitions")
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--search", type=pathlib.Path, metavar="FOLDER", help="time a search")
    parser.add_argument("--section", default="convolution", help="name of the file's section")
    parser.add_argument("--output", type=pathlib.Path, help="write the table to this file")
    options = parser.parse_args()
    torch = importlib.util.find_spec("torch") is not None
    lines = []
    for line in search(options.search) if options.search else report(options, torch):
        lines.append(line)
        print(line, flush=True)
    if options.output:
        write_section(options.output, options.section, "\n".join(lines))


if __name__ == "__main__":
    main()
