"""How many BLAS threads a run uses: a rule by shape, the same every time.

Small products lose more by waking threads than they gain, and NumPy's and SciPy's
separate pools spin against each other. So NumPy's pool is limited to one thread below a
size, SciPy's always, and neither is ever raised above what the caller allows, or beyond the
processors that joblib counts (it knows the quotas of containers).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import scipy
import scipy.linalg  # its BLAS must be loaded before the controller looks
from joblib import cpu_count
from threadpoolctl import ThreadpoolController

__all__ = ["blas_threads"]

SERIAL_BELOW = 5_000_000  # multiplications of a step's largest product
ALL = 1 << 16  # no limit


def is_scipys(library: str) -> bool:
    """Return whether a library came with SciPy; NumPy's own may have "scipy" in its name."""
    package, path = Path(scipy.__file__).parent, Path(library)
    return package in path.parents or package.with_name("scipy.libs") in path.parents


class _Pool:
    """The threads of some BLAS libraries, as few as anybody asks for.

    Most pools are those of the whole process: of runs that overlap, the first to come keeps
    what it found, all get the smallest number that one of them asks for, and the last to
    leave restores what was found. A pool over OpenMP belongs to the thread that asks.
    """

    def __init__(self, libraries: list[Any]):
        self._own = [one for one in libraries if _layer(one) == "openmp"]
        self._shared = [one for one in libraries if _layer(one) != "openmp"]
        self._lock = threading.Lock()
        self._wanted: list[int] = []
        self._found: list[int] = []

    @contextlib.contextmanager
    def limited(self, n_threads: int) -> Iterator[None]:
        """Use at most `n_threads` inside the block."""
        before = [one.num_threads for one in self._own]
        _set(self._own, before, n_threads)
        with self._lock:
            if not self._wanted:
                self._found = [one.num_threads for one in self._shared]
            self._wanted.append(n_threads)
            _set(self._shared, self._found, min(self._wanted))
        try:
            yield
        finally:
            with self._lock:
                self._wanted.remove(n_threads)
                _set(self._shared, self._found, min(self._wanted, default=ALL))
            _set(self._own, before, ALL)


def _layer(library: Any) -> str:
    """Return what a library's threads are made of."""
    return getattr(library, "threading_layer", "")


def _set(libraries: list[Any], found: list[int], most: int) -> None:
    """Set the threads of each library: what was found, at most `most`."""
    for library, n_threads in zip(libraries, found, strict=True):
        # threadpoolctl lets only the thread that set a limit change it (3.7 and newer)
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(min(n_threads, most))
        release(force=True)


@cache
def _pools() -> tuple[_Pool, _Pool]:
    """Return SciPy's BLAS pool, and all others."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    scipys = [one for one in libraries if is_scipys(one.filepath)]
    return _Pool(scipys), _Pool([one for one in libraries if one not in scipys])


@contextlib.contextmanager
def blas_threads(largest_product: int) -> Iterator[None]:
    """Limit the BLAS threads for steps whose largest product has this many terms."""
    scipys, others = _pools()
    most = 1 if largest_product < SERIAL_BELOW else cpu_count()
    with scipys.limited(1), others.limited(most):
        yield
