"""
More rows than memory
=====================

A file of 82 MB, and 40 MB of memory to train from it, held to by the operating system. The
file is read in blocks: in random order, rows shuffled inside, one schedule over the whole
run, and early stopping on rows held out. What that costs in accuracy, beside shuffling all
rows, is measured.
"""

# %%
# The file is written block by block. The rows of a file are rarely in random order: here
# classes come and go, as they do in a record of many months, and a block is mostly about a few
# of them. The rows held out are of all months: those of one alone would know few classes.
import contextlib
import copy
import pathlib
import sys
import tempfile

import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.format import open_memmap

from sknnlab import MLPClassifier

N_BLOCKS, N_ROWS, N_FEATURES, N_CLASSES = 32, 10_000, 64, 10
N_HELD_OUT = 300  # rows of a block, and as many for the test
rng = np.random.default_rng(0)
centers = 0.8 * rng.normal(size=(N_CLASSES, 3, 8))  # three places a class
mix = rng.normal(size=(8, N_FEATURES))


def month(n_rows):
    """Return rows and classes as one month brings them."""
    y = rng.choice(N_CLASSES, n_rows, p=rng.dirichlet(np.full(N_CLASSES, 0.2)))
    hidden = centers[y, rng.integers(0, 3, n_rows)] + 0.5 * rng.normal(size=(n_rows, 8))
    return np.tanh(hidden @ mix) + 0.5 * rng.normal(size=(n_rows, N_FEATURES)), y


def write(path):
    """Write the training rows; return their classes, and rows to validate and to test with."""
    X = open_memmap(path, "w+", np.float32, (N_BLOCKS * N_ROWS, N_FEATURES))
    y, held_out = [], []
    for i in range(N_BLOCKS):
        rows, classes = month(N_ROWS + 2 * N_HELD_OUT)
        X[i * N_ROWS : (i + 1) * N_ROWS] = rows[:N_ROWS]
        y.append(classes[:N_ROWS])
        held_out.append((rows[N_ROWS:].astype(np.float32), classes[N_ROWS:]))
    rows, classes = map(np.concatenate, zip(*held_out, strict=True))
    return np.concatenate(y), (rows[::2], classes[::2]), (rows[1::2], classes[1::2])


folder = tempfile.TemporaryDirectory()
path = pathlib.Path(folder.name) / "X.npy"
y, validation, test = write(path)
X = np.load(path, mmap_mode="r")  # nothing is read yet
print(f"{X.nbytes / 1e6:.0f} MB on disk, {len(X):,} rows")
shares = [np.bincount(y[i : i + N_ROWS], minlength=10).max() / N_ROWS for i in (0, N_ROWS)]
print(f"the largest class is {shares[0]:.0%} of the first block, {shares[1]:.0%} of the second")


# %%
# From here on this process gets no more than 40 MB beyond what it has. (On Linux. A memory map
# does not count: the system takes its pages back whenever it needs room.)
@contextlib.contextmanager
def at_most(megabytes):
    """Let the operating system refuse this process more memory inside the block."""
    if sys.platform != "linux":
        print("No limit is set: this one is Linux's.")
        yield
        return
    import resource

    status = pathlib.Path("/proc/self/status").read_text()
    used = int(status.split("VmData:")[1].split()[0]) * 1024
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (used + megabytes * 2**20, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


# %%
# The recipe. A call of ``partial_fit`` is one epoch of `max_iter`, so that a schedule over
# the whole run needs ``max_iter = epochs * blocks``. It shuffles the rows that it is given;
# the blocks we shuffle. The best network is kept, and training ends when three epochs in a
# row have brought nothing better.
N_EPOCHS, PATIENCE = 6, 3
settings = {"batch_size": 256, "learning_rate": "cosine", "learning_rate_init": 0.003}


def say(epoch, done, score):
    """Draw a progress bar on a terminal."""
    if sys.stdout.isatty():
        filled, end = "#" * (30 * done // N_BLOCKS), "\n" if done == N_BLOCKS else ""
        print(f"\repoch {epoch + 1} [{filled:30}] held out {score:.4f}", end=end, flush=True)


def train_on_blocks(seed, n_pieces=1, shuffled=True):
    """Return the best network, and the held-out accuracy after each epoch.

    With `n_pieces`, a block is put together of pieces from anywhere in the file.
    """
    rng = np.random.default_rng(seed)
    X_pieces = X.reshape(N_BLOCKS * n_pieces, -1, N_FEATURES)  # still on disk
    y_pieces = y.reshape(N_BLOCKS * n_pieces, -1)
    net = MLPClassifier((64,), max_iter=N_EPOCHS * N_BLOCKS, random_state=seed, **settings)
    scores, best = [], net
    for epoch in range(N_EPOCHS):
        order = rng.permutation(len(X_pieces)) if shuffled else np.arange(len(X_pieces))
        for done, pieces in enumerate(order.reshape(N_BLOCKS, n_pieces), start=1):
            rows, classes = X_pieces[pieces].reshape(-1, N_FEATURES), y_pieces[pieces].ravel()
            net.partial_fit(rows, classes, classes=np.arange(N_CLASSES))
            say(epoch, done, max(scores, default=0.0))
        scores.append(net.score(*validation))
        if scores[-1] == max(scores):
            best = copy.deepcopy(net)
        if epoch - int(np.argmax(scores)) >= PATIENCE:
            break
    return best, scores


# %%
# Beside it, `fit` on the memory map itself. It gathers the rows of a batch from wherever they
# lie, and so shuffles all rows without ever holding them; where the file is much larger than
# the memory of the machine, a disk must be fast to keep up, and files of Parquet have to be
# read in blocks anyway.
def train_on_all(seed):
    """Return a network trained on all rows, shuffled."""
    net = MLPClassifier((64,), max_iter=N_EPOCHS, random_state=seed, **settings)
    net.fit(X, y, X_val=validation[0], y_val=validation[1])
    return net, net.history_["validation_score"]


WAYS = {
    "blocks as they lie": lambda seed: train_on_blocks(seed, shuffled=False),
    "blocks in random order": train_on_blocks,
    "blocks of eight pieces": lambda seed: train_on_blocks(seed, n_pieces=8),
    "all rows shuffled": train_on_all,
}
SEEDS = range(3)
curves, accuracy = {}, {}
with at_most(40):
    refused = False
    try:
        np.array(X).sum()
    except MemoryError:
        refused = True
    print(f"a copy of the rows in memory is {'refused' if refused else 'possible'}")
    for name, train in WAYS.items():
        runs = [train(seed) for seed in SEEDS]
        curves[name] = np.array([scores for _, scores in runs])
        accuracy[name] = np.array([net.score(*test) for net, _ in runs])

# %%
# The accuracy on test rows, mean of three seeds, and what it is short of shuffling all rows.
# The last blocks seen weigh more than the first, and here a block is not like the whole;
# their order does little about that. Blocks put together of eight pieces from anywhere in
# the file are each more like the whole, and cost less, at eight times as many reads.
means = {name: found.mean() for name, found in accuracy.items()}
costs = {name: means["all rows shuffled"] - mean for name, mean in means.items()}
for name, found in accuracy.items():
    print(f"{name:24}{means[name]:.4f} ({found.min():.4f} to {found.max():.4f})", end="")
    print(f", {costs[name]:.4f} short" if costs[name] else "")

# %%
# The picture: held-out accuracy, epoch by epoch.
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, marker in zip(WAYS, "vosD", strict=True):
    middle = curves[name].mean(axis=0)
    ax.plot(range(1, 1 + len(middle)), middle, marker=marker, label=name)
ax.set(xlabel="epoch", ylabel="accuracy, held out", title="More rows than memory")
ax.legend(frameon=False)
plt.show()
folder.cleanup()

assert refused or sys.platform != "linux"
assert costs["blocks in random order"] < 0.03
assert costs["blocks of eight pieces"] < costs["blocks in random order"]
