"""The environment's end of the channel to the node: frames over the socket at descriptor 3, read and written synchronously.

    frame    u32le length of the rest | u8 kind | body
    to us    1 load    JSON: see bootstrap.py
             2 invoke  u32le sequence | f64le deadline (epoch ms) | u16le lengths of request id, trace header, function ARN,
                       client context | these four, UTF-8 | payload, JSON
             5 clone   JSON: see template.py
    from us  16 ready | 17 initialised | 18 init error: JSON
             19 response  u32le sequence | u32le peak memory, KiB | payload, JSON
             20 error     as response, then u8 fatal | u8 length of the type | type | payload, JSON
             21 log       one line, UTF-8
             22 code cache  u16le length of the name | name | bytes
             26 clone ended  see template.py

`runtimes/nodejs/channel.js` is the same in JavaScript, `src/runtime/environments/frames.ts` the other end. The calls that
this needs are taken when it is loaded, before the function: a function that replaces `os.read` replaces its own.
"""

import os
import threading
from os import close, dup2, read, set_inheritable, write
from select import select
from struct import Struct
from typing import Optional, Tuple

DESCRIPTOR = 3

LOAD = 1
INVOKE = 2
CLONE = 5
READY = 16
INITIALISED = 17
INIT_ERROR = 18
RESPONSE = 19
ERROR = 20
LOG = 21
CODE_CACHE = 22
CLONE_ENDED = 26

#: Longest line sent as one log event, bytes: the limit of CloudWatch Logs.
LOG_LINE_BYTES_MAX = 256 * 1024

#: Holds any small frame, so that it takes one system call to read it.
_READ_BYTES = 64 * 1024

_head = Struct("<IB")
_invoke_head = Struct("<IdHHHH")
_answer_head = Struct("<IBII")
_error_head = Struct("<IBIIBB")
_cache_head = Struct("<IBH")
_ended_head = Struct("<IBi")
_min = min
_len = len


class Channel:
    """Frames to and from the node. Several threads may write: each frame goes out whole."""

    def __init__(self, descriptor: int = DESCRIPTOR) -> None:
        self._descriptor = descriptor
        # Reentrant: the handler of a signal may log while the frame that it interrupted is on its way.
        self._lock = threading.RLock()
        self._rest = b""
        set_inheritable(descriptor, False)

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    def leave(self) -> None:
        """Lets go of the channel: a process that the function has forked must not speak for its environment."""
        self._lock = threading.RLock()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            close(descriptor)

    def move_to(self, descriptor: int) -> None:
        """Continues over another socket: a clone has a channel of its own."""
        self._lock = threading.RLock()
        self._rest = b""
        # It may have got that number already: the old channel is closed.
        if descriptor != DESCRIPTOR:
            dup2(descriptor, DESCRIPTOR, False)
            close(descriptor)
        self._descriptor = DESCRIPTOR

    def read(self) -> Optional[Tuple[int, bytes]]:
        """Waits for the next frame. `None` when the node has closed the channel."""
        have = self._rest
        while _len(have) < 5:
            some = self._read_some(_READ_BYTES)
            if not some:
                return None
            have = have + some if have else some
        length, kind = _head.unpack_from(have)
        end = 4 + length
        if _len(have) >= end:
            self._rest = have[end:]
            return kind, have[5:end]
        frame = bytearray(end)
        at = _len(have)
        frame[:at] = have
        while at < end:
            some = self._read_some(end - at)
            if not some:
                return None
            frame[at : at + _len(some)] = some
            at += _len(some)
        self._rest = b""
        return kind, bytes(memoryview(frame)[5:])

    def _read_some(self, length: int) -> bytes:
        while True:
            try:
                return read(self._descriptor, length)
            except BlockingIOError:
                select([self._descriptor], [], [])
            except ConnectionError:
                return b""

    def signal(self, kind: int) -> None:
        self._write(_head.pack(1, kind))

    def init_error(self, payload: bytes) -> None:
        self._write(_head.pack(1 + _len(payload), INIT_ERROR) + payload)

    def response(self, sequence: int, memory_kb: int, payload: bytes) -> None:
        self._write(_answer_head.pack(9 + _len(payload), RESPONSE, sequence, memory_kb) + payload)

    def error(self, sequence: int, memory_kb: int, fatal: bool, error_type: str, payload: bytes) -> None:
        name = error_type.encode("utf-8", "replace")[:255]
        length = 11 + _len(name) + _len(payload)
        self._write(_error_head.pack(length, ERROR, sequence, memory_kb, fatal, _len(name)) + name + payload)

    def log(self, line: bytes) -> None:
        line = line[:LOG_LINE_BYTES_MAX]
        self._write(_head.pack(1 + _len(line), LOG) + line)

    def code_cache(self, name: str, data: bytes) -> None:
        encoded = name.encode()
        self._write(_cache_head.pack(3 + _len(encoded) + _len(data), CODE_CACHE, _len(encoded)) + encoded + data)

    def clone_ended(self, code: int, token: str) -> None:
        name = token.encode()
        self._write(_ended_head.pack(5 + _len(name), CLONE_ENDED, code) + name)

    def _write(self, frame: bytes) -> None:
        with self._lock:
            view = memoryview(frame)
            while view and self._descriptor >= 0:
                try:
                    view = view[write(self._descriptor, view) :]
                except BlockingIOError:
                    select([], [self._descriptor], [])
                except OSError:
                    # The node has closed it: nobody listens any more.
                    return


class Invoke:
    """An invoke frame taken apart."""

    __slots__ = ("sequence", "deadline_ms", "request_id", "trace_header", "function_arn", "client_context", "payload")

    def __init__(self, body: bytes) -> None:
        self.sequence, self.deadline_ms, *lengths = _invoke_head.unpack_from(body)
        at = _invoke_head.size
        texts = []
        for length in lengths:
            texts.append(body[at : at + length].decode("utf-8"))
            at += length
        self.request_id, self.trace_header, self.function_arn, self.client_context = texts
        self.payload = body[at:]
