"""How many BLAS threads a run uses: a rule by shape, the same every time.

Small products lose more by waking threads than they gain, and NumPy's and SciPy's
separate pools spin against each other. So NumPy's pool is limited to one thread below a
size, SciPy's always, and neither is ever raised above what the caller allows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache

import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks)
from threadpoolctl import ThreadpoolController

__all__ = ["blas_threads"]

SERIAL_BELOW = 5_000_000  # multiplications of a step's largest product


@cache
def _controllers() -> tuple[ThreadpoolController, ThreadpoolController]:
    """Return controllers of every BLAS, and of those that are not NumPy's."""
    every = ThreadpoolController().select(user_api="blas")
    others = [
        lib.filepath for lib in every.lib_controllers if "scipy" in (lib.filepath or "").lower()
    ]
    return every, every.select(filepath=others)


@contextlib.contextmanager
def blas_threads(largest_product: int) -> Iterator[None]:
    """Limit the BLAS threads for steps whose largest product has this many terms."""
    every, others = _controllers()
    controller = every if largest_product < SERIAL_BELOW else others
    with controller.limit(limits=1):
        yield
