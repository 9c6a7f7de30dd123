"""`show_versions`: what a report of a bug should hold.

scikit-learn's own `show_versions` prints the system, the libraries and the thread pools;
before it stand this package and the optional ones that only it uses.
"""

from importlib.metadata import PackageNotFoundError, version

import sklearn

from sknnlab._version import __version__

__all__ = ["show_versions"]

OPTIONAL = ("onnx", "onnxruntime", "polars", "skl2onnx", "skops", "torch")


def show_versions() -> None:
    """Print the versions of the package, of the libraries under it, and the system.

    To be pasted into the report of a bug. The versions of the optional packages are read
    from their metadata: nothing is imported, and None stands for what is not installed.

    See Also
    --------
    sklearn.show_versions : Prints the second part: system, libraries, thread pools.

    Examples
    --------
    >>> import sknnlab
    >>> sknnlab.show_versions()  # doctest: +ELLIPSIS
    <BLANKLINE>
    sknnlab and optional packages:
          sknnlab: ...
    """
    print("\nsknnlab and optional packages:")
    print(f"{'sknnlab':>13}: {__version__}")
    for name in OPTIONAL:
        print(f"{name:>13}: {_installed(name)}")
    sklearn.show_versions()


def _installed(name: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
