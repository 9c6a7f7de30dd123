"""How many BLAS threads a run uses: a rule by shape, the same every time.

Small products lose more by waking threads than they gain, and NumPy's and SciPy's
separate pools spin against each other. So NumPy's pool is limited to one thread below a
size, SciPy's always, and neither is ever raised above what the caller allows.
"""

from __future__ import annotations

import contextlib
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


@cache
def _controllers() -> tuple[ThreadpoolController, ThreadpoolController]:
    """Return controllers of every BLAS, and of SciPy's."""
    every = ThreadpoolController().select(user_api="blas")
    paths = [library.filepath for library in every.lib_controllers]
    return every, every.select(filepath=[path for path in paths if is_scipys(path)])


@contextlib.contextmanager
def blas_threads(largest_product: int) -> Iterator[None]:
    """Limit the BLAS threads for steps whose largest product has this many terms."""
    every, scipys = _controllers()
    controller = every if largest_product < SERIAL_BELOW else scipys
    with controller.limit(limits=1):
        yield
