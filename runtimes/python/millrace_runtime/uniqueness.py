"""What clones of one process must not share, once it has been initialised by code that did not know of them.

- `random` is seeded anew by Python itself in a forked process; `os.urandom`, `secrets`, `uuid.uuid4` and OpenSSL ask the kernel. A
  generator of the function's own (`random.Random()`, numpy's) goes on where it stood: that is for a hook after restore.
- Connections that were open when the snapshot was taken are closed, as they are when Lambda restores one: clients, boto3's
  among them, notice and connect anew. Two clones in one connection would read each other's answers.
- An event loop of asyncio gets a selector and a wake-up pipe of its own.
- Clocks are the machine's and have gone on.
"""

import gc
import os
import stat
import sys
from typing import Any, List

from .channel import DESCRIPTOR


class SharedState:
    """Taken in the template, before its first clone."""

    def __init__(self) -> None:
        _close_connections()
        self._loops = _event_loops()

    def part(self) -> None:
        """In a clone: makes what is left of it its own."""
        for loop in self._loops:
            _renew(loop)


def _close_connections() -> None:
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor <= DESCRIPTOR:
            continue
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                _shut(descriptor)
        except OSError:
            # Gone since it was listed, or not connected.
            continue


def _shut(descriptor: int) -> None:
    """Leaves the descriptor in place, so that no other file takes its number under the feet of its owner."""
    import socket

    with socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.shutdown(socket.SHUT_RDWR)


def _event_loops() -> List[Any]:
    if "asyncio" not in sys.modules:
        return []
    base = sys.modules["asyncio"].SelectorEventLoop.__mro__[1]
    # Only now does anybody look through all objects: never in a clone.
    return [each for each in gc.get_objects() if isinstance(each, base) and not each.is_closed()]


def _renew(loop: Any) -> None:
    """asyncio has no way to say this; these names have stood since Python 3.4."""
    selector = loop._selector
    fresh = type(selector)()
    loop._close_self_pipe()
    for key in list(selector.get_map().values()):
        fresh.register(key.fileobj, key.events, key.data)
    selector.close()
    loop._selector = fresh
    loop._make_self_pipe()
