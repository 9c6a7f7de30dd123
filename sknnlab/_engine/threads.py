"""How many BLAS threads a run uses: a rule by shape, the same every time.

Small products lose more by waking threads than they gain, and NumPy's and SciPy's
separate pools spin against each other. So NumPy's pool is limited to one thread below a
size, SciPy's always, and neither is ever raised above what the caller allows.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import scipy
import scipy.linalg  # its BLAS must be loaded before the controller looks
from threadpoolctl import ThreadpoolController

__all__ = ["blas_threads"]

SERIAL_BELOW = 5_000_000  # multiplications of a step's largest product


def is_scipys(library: str) -> bool:
    """Return whether a library came with SciPy; NumPy's own may have "scipy" in its name."""
    package, path = Path(scipy.__file__).parent, Path(library)
    return package in path.parents or package.with_name("scipy.libs") in path.parents


class _Pool:
    """The threads of some BLAS libraries, limited to one while anybody asks for it.

    The limit is of the whole process: of runs that overlap, the first to come keeps what
    it found, and the last to leave restores it.
    """

    def __init__(self, controller: ThreadpoolController):
        self._controller = controller
        self._lock = threading.Lock()
        self._n_users = 0

    @contextlib.contextmanager
    def limited(self) -> Iterator[None]:
        """Limit the pool inside the block."""
        with self._lock:
            if self._n_users == 0:
                self._limiter = self._controller.limit(limits=1)
            self._n_users += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_users -= 1
                if self._n_users == 0:
                    self._restore()

    def _restore(self) -> None:
        """Put back what the first found, from whichever thread is the last."""
        for library in self._controller.lib_controllers:
            # threadpoolctl lets only the thread that set a limit change it (3.7 and newer)
            getattr(library, "clear_controlling_thread", lambda force: None)(force=True)
        self._limiter.__exit__(None, None, None)


@cache
def _pools() -> tuple[_Pool, _Pool]:
    """Return SciPy's BLAS pool, and all others."""
    every = ThreadpoolController().select(user_api="blas")
    scipys: list[str] = []
    others: list[str] = []
    for path in (library.filepath for library in every.lib_controllers):
        (scipys if is_scipys(path) else others).append(path)
    return _Pool(every.select(filepath=scipys)), _Pool(every.select(filepath=others))


@contextlib.contextmanager
def blas_threads(largest_product: int) -> Iterator[None]:
    """Limit the BLAS threads for steps whose largest product has this many terms."""
    scipys, others = _pools()
    with scipys.limited(), others.limited() if largest_product < SERIAL_BELOW else _nothing():
        yield


_nothing = contextlib.nullcontext
