"""A process that forks clones of itself, each an environment of its own.

Blank, it is a fork server: whatever takes long to load is loaded once, and a clone has it within a millisecond, in memory that all
of them share until they write to it. With a function initialised it is the function's snapshot.

    node -> template   frame 4, JSON `{ address, token, ahead, directory? }`; `ahead`: nobody waits for it yet
    clone -> node      connects to `address` twice, once as its channel and once as its standard output and error, and says
                       who it is: role `c` or `o` | token, 32 bytes | u32le process id; then on the first: ready
    template -> node   frame 26 when a clone has ended: i32le exit code, or the signal, negative | token

The template runs in no thread but its main one, and that blocks in `Channel.read`: nothing changes between two clones.
"""

import gc
import os
import signal
import struct
import sys
from os import WEXITED, WNOHANG, WNOWAIT, P_PID, fork, killpg, setsid, waitid, waitpid
from typing import Any, Dict, Optional

from .channel import Channel
from .errors import Fault
from .uniqueness import SharedState

#: prctl(2): signal to get when the parent ends. The template dies with the node; so do its clones, frozen or not.
_PR_SET_PDEATHSIG = 1

_leave = os._exit
_hello = struct.Struct("<c32sI")


class Template:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        #: Tokens of those that live, by process id.
        self._clones: Dict[int, str] = {}
        #: Ends of clones that have not been looked into.
        self._deaths = 0
        self._state: Optional[SharedState] = None

    def clone(self, order: Dict[str, Any]) -> bool:
        """Makes one more. Returns whether this is the clone."""
        self.prepare()
        pid = fork()
        if pid:
            self._clones[pid] = order["token"]
            # It may have ended before it was known.
            self._on_ended(0, None)
            return False
        try:
            self._become(order)
        except Exception:
            # The node waits for a connection that does not come, and is told of this end.
            _leave(1)
        return True

    def prepare(self) -> None:
        """Makes the process fit to be cloned. Once: what it does later counts for nothing."""
        if self._state is not None:
            return
        self._state = SharedState()
        self._signal_before = signal.signal(signal.SIGCHLD, self._on_ended)
        # What stands now is never collected: a collection would touch, and so copy, every page in each clone.
        gc.collect()
        gc.freeze()

    def _on_ended(self, _signal: int, _frame: Any) -> None:
        """One at a time: a child may end while others are being buried, and this is called again in the midst of itself."""
        self._deaths += 1
        if self._deaths > 1:
            return
        while self._deaths > 0:
            seen = self._deaths
            for pid in list(self._clones):
                self._bury(pid)
            self._deaths -= seen

    def _bury(self, pid: int) -> None:
        ended = waitid(P_PID, pid, WEXITED | WNOHANG | WNOWAIT)
        if ended is None:
            return
        try:
            # As long as it has not been waited for, its group can be no other's.
            killpg(pid, signal.SIGKILL)
        except OSError:
            pass
        waitpid(pid, 0)
        code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        self._channel.clone_ended(code, self._clones.pop(pid))

    def _become(self, order: Dict[str, Any]) -> None:
        # A template has loaded both long before; a process that is in a hurry does not load them for nothing.
        import ctypes
        import tempfile

        setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        signal.signal(signal.SIGCHLD, self._signal_before)
        # Those of the others are none of its function's business.
        self._clones.clear()
        host, _, port = order["address"].rpartition(":")
        outputs = _connect(host, int(port), b"o", order["token"])
        os.dup2(outputs, 1)
        os.dup2(outputs, 2)
        os.close(outputs)
        self._channel.move_to(_connect(host, int(port), b"c", order["token"]))
        self._state.part()
        if "directory" in order:
            os.environ["TMPDIR"] = order["directory"]
            os.chdir(order["directory"])
            tempfile.tempdir = None


def _connect(host: str, port: int, role: bytes, token: str) -> int:
    import socket

    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.connect((host, port))
    connection.sendall(_hello.pack(role, token.encode(), os.getpid()))
    return connection.detach()


def refuse_to_clone() -> None:
    """Raises a `Fault` when this process cannot be cloned as it stands: a fork has one thread and no children."""
    threading = sys.modules["threading"]
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        raise Fault(Fault.SNAPSHOT_UNSUPPORTED, "init has left threads behind: {}".format(", ".join(sorted(others))))
    if _has_children():
        raise Fault(Fault.SNAPSHOT_UNSUPPORTED, "init has left processes behind")


def _has_children() -> bool:
    try:
        waitid(os.P_ALL, 0, WEXITED | WNOHANG | WNOWAIT)
        return True
    except ChildProcessError:
        return False
