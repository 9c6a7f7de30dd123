"""Files that are written whole or not at all, whatever happens to the machine."""

from __future__ import annotations

import os
import pathlib
import platform
import shutil

__all__ = ["remove_partial", "write_whole"]


def write_whole(path: pathlib.Path, content: bytes, keep: int = 1) -> None:
    """Put `content` in the place of a file, and the ``keep - 1`` before it beside it.

    At every moment `path` is the file of before or the new one.

    Raises
    ------
    OSError
        The file cannot be written; the one of before is as it was.
    """
    partial = path.with_name(f"{path.name}.{_owner(os.getpid())}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _shift(path, partial.with_name(f"{path.name}.{_owner(os.getpid())}.older.partial"), keep)
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OSError(
            error.errno,
            f"The checkpoint path={str(path)!r} could not be written ({error.strerror or error}); "
            "what was there before is as it was. Free some space or choose another path",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _shift(path: pathlib.Path, partial: pathlib.Path, keep: int) -> None:
    """Let the files before move on by one; `path` stays, and has a second name after that."""
    if keep == 1 or not path.exists():
        return
    names = [path.with_name(f"{path.name}.{age}") for age in range(1, keep)]
    for newer, older in zip(names[-2::-1], names[:0:-1], strict=True):
        if newer.exists():
            os.replace(newer, older)
    try:
        partial.unlink(missing_ok=True)
        os.link(path, partial)
    except OSError:  # where files have one name only
        shutil.copyfile(path, partial)
    try:
        os.replace(partial, names[0])
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: pathlib.Path) -> None:
    """Bring the folder's names to the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _owner(process: int) -> str:
    """Return what a process on this machine puts into the names of its partial files."""
    return f"{platform.node()}.{process}"


def remove_partial(path: pathlib.Path) -> None:
    """Remove the partial files that processes of this machine left when they were killed."""
    beginning = f"{path.name}.{platform.node()}."
    for one in path.resolve().parent.iterdir():
        if one.name.startswith(beginning) and one.name.endswith(".partial"):
            process = one.name.removeprefix(beginning).split(".")[0]
            if process.isdigit() and not _runs(int(process)):
                one.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Return whether a process runs; True where asking is not safe."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)  # signal 0 asks and does nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
