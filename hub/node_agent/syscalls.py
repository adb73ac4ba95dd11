"""The system calls that mount by open files instead of paths. Python has none of them."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from typing import Final

_OPEN_TREE: Final = 428
_MOVE_MOUNT: Final = 429
_OPENAT2: Final = 437
_MOUNT_SETATTR: Final = 442
"""Numbers that all architectures share: those of calls since Linux 5.1."""

_AT_EMPTY_PATH: Final = 0x1000
_OPEN_TREE_CLONE: Final = 1
_MOVE_F_EMPTY_PATH: Final = 0x04
_MOVE_T_EMPTY_PATH: Final = 0x40

READ_ONLY: Final = 0x1
NOSUID: Final = 0x2
NODEV: Final = 0x4
_IDMAP: Final = 0x100000
_PRIVATE: Final = 1 << 18

NO_XDEV: Final = 0x01
NO_MAGICLINKS: Final = 0x02
NO_SYMLINKS: Final = 0x04
BENEATH: Final = 0x08
INSIDE: Final = BENEATH | NO_SYMLINKS | NO_MAGICLINKS
"""Never out of the folder that is open, and over no link of any kind."""

_CLONE_NEWUSER: Final = 0x10000000
_STACK_BYTES: Final = 65_536
_MNT_DETACH: Final = 2
_TMPFS_MAGIC: Final = 0x01021994

_libc = ctypes.CDLL(None, use_errno=True)


def open_inside(folder: int, path: str, flags: int = os.O_PATH, *, resolve: int = INSIDE) -> int:
    """A file below an open folder, opened (`openat2`). Raises OSError, ELOOP where there is a link on the way."""
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, resolve)
    return _call(_OPENAT2, folder, os.fsencode(path), ctypes.c_char_p(how), ctypes.c_size_t(len(how)), about=path)


def clone_tree(folder: int, *, attributes: int, user_namespace: int | None = None) -> int:
    """A mount of an open folder that is nowhere yet, with its attributes set, so that nobody sees it without them.

    Private: what is mounted below it is seen where it will be, and not where it was cloned from.
    `user_namespace`: files show with the numbers of it.
    """
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_EMPTY_PATH
    tree = _call(_OPEN_TREE, folder, b"", ctypes.c_uint(flags))
    try:
        mapped = _IDMAP if user_namespace is not None else 0
        settings = struct.pack("QQQQ", attributes | mapped, 0, _PRIVATE, user_namespace or 0)
        size = ctypes.c_size_t(len(settings))
        _call(_MOUNT_SETATTR, tree, b"", ctypes.c_uint(_AT_EMPTY_PATH), ctypes.c_char_p(settings), size)
    except OSError:
        os.close(tree)
        raise
    return tree


def attach(tree: int, place: int) -> None:
    """Puts a mount that is nowhere yet onto an open folder."""
    _call(_MOVE_MOUNT, tree, b"", place, b"", ctypes.c_uint(_MOVE_F_EMPTY_PATH | _MOVE_T_EMPTY_PATH))


def detach(folder: int) -> None:
    """Takes away the mount whose top is open, and all below it, at once, whoever still uses it."""
    _check(_libc.umount2(f"/proc/self/fd/{folder}".encode(), _MNT_DETACH))


def begin_in_user_namespace() -> int:
    """A process in a user namespace of its own that does nothing; gives its number. See `end_at_once`.

    Not by `fork`: other threads may hold locks, and this process waits in the C library without running any Python.
    """
    stack = ctypes.create_string_buffer(_STACK_BYTES)  # a copy of it is the other's
    top = (ctypes.addressof(stack) + _STACK_BYTES) & ~0xF
    waits = ctypes.cast(_libc.pause, ctypes.c_void_p)
    pid: int = _libc.clone(waits, ctypes.c_void_p(top), ctypes.c_int(_CLONE_NEWUSER | signal.SIGCHLD), None)
    _check(pid)
    return pid


def end_at_once(pid: int) -> None:
    """Ends a process of ours, and waits for its end."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def is_tmpfs(folder: int) -> bool:
    """Whether an open folder lies in memory."""
    told = ctypes.create_string_buffer(256)
    _check(_libc.fstatfs(folder, told))
    kind: int = struct.unpack_from("l", told)[0]
    return kind == _TMPFS_MAGIC


def _call(number: int, *arguments: object, about: str = "") -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    _check(result, about)
    return result


def _check(result: int, about: str = "") -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), about or None)
