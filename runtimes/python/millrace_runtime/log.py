"""`logging`, `print` and the standard streams, as Lambda logs them."""

import io
import json
import logging
import sys
import threading
import time
import traceback
from os import write as _write
from typing import Any, Dict, List, Optional

from .channel import Channel

#: Longest piece of a line kept while its end has not come.
_PARTIAL_MAX = 256 * 1024

#: Indents the lines of a trace in the log: CloudWatch would strip spaces. U+00A0, as on Lambda.
_INDENT = "\u00a0"

#: Attributes of every log record; the others are what the function gave as `extra`.
_RECORD_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {"aws_request_id", "tenant_id", "message", "taskName"}

_gmtime = time.gmtime
_strftime = time.strftime
_now = time.time
_format_tb = traceback.format_tb
_encode_json = json.JSONEncoder(ensure_ascii=False).encode


class _Stream(io.RawIOBase):
    """One of the standard streams: a line is a log event. Past the channel it is the descriptor that it stands for."""

    def __init__(self, channel: Channel, descriptor: int) -> None:
        super().__init__()
        self._channel = channel
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self._partial = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        if not self._channel.is_open:
            return _write(self._descriptor, chunk)
        with self._lock:
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            for line in lines:
                self._channel.log(line)
            if len(self._partial) > _PARTIAL_MAX:
                self.finish()
        return len(chunk)

    def finish(self) -> None:
        """Lets out a line whose end has not come."""
        partial, self._partial = self._partial, b""
        if partial:
            self._channel.log(partial)

    def renew(self) -> None:
        """After a fork: another thread may have held the lock, and what it was about to write is the other process's."""
        self._lock = threading.RLock()
        self._partial = b""


class Sink:
    """Where the runtime's handler of `logging` writes: one call, one event, however many lines it has."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def log(self, message: str, frame_type: Optional[bytes] = None) -> None:
        text = message[:-1] if message.endswith("\n") else message
        if self._channel.is_open:
            self._channel.log(text.encode("utf-8", "backslashreplace"))
        else:
            _write(1, (text + "\n").encode("utf-8", "backslashreplace"))


class Logging:
    """What a function logs, in the format and from the level that its LoggingConfig asks for."""

    def __init__(self, channel: Channel) -> None:
        self._sink = Sink(channel)
        self._streams = [_Stream(channel, 1), _Stream(channel, 2)]
        self._json = False
        self._request_id = ""
        #: Of the invocation that a thread runs, where there are several at once.
        self._of_thread = threading.local()
        sys.stdout = _text(self._streams[0], "strict")
        sys.stderr = _text(self._streams[1], "backslashreplace")

    @property
    def request_id(self) -> str:
        return getattr(self._of_thread, "request_id", self._request_id)

    def begin(self, request_id: str, several: bool) -> None:
        """`several`: other invocations run in other threads. Else the threads of the function log for this one too."""
        if several:
            self._of_thread.request_id = request_id
        else:
            self._request_id = request_id

    def configure(self, log_format: Optional[str], level: Optional[str]) -> None:
        """Installs the handler of the root logger. `level` TRACE is DEBUG here, as on Lambda."""
        self._json = log_format == "JSON"
        handler = _Handler(self._sink)
        handler.addFilter(_RequestId(self))
        handler.setFormatter(_JsonFormatter() if self._json else _text_formatter())
        logging.Formatter.converter = _gmtime
        root = logging.getLogger()
        root.addHandler(handler)
        least = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level or "", level)
        if least in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
            root.setLevel(least)

    def error(self, payload: Dict[str, Any]) -> None:
        """Writes the line of an error that was reported."""
        if self._json:
            head = {"timestamp": _timestamp(_now()), "level": "ERROR"}
            self._sink.log(_encode_json({**head, **payload}))
        else:
            self._sink.log("\n".join(_error_lines(payload)))

    def finish(self) -> None:
        for stream in self._streams:
            stream.finish()

    def renew(self) -> None:
        for stream in self._streams:
            stream.renew()


def _text(stream: _Stream, errors: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8", errors=errors, newline="\n", write_through=True)  # type: ignore[arg-type]


def _timestamp(seconds: float) -> str:
    milliseconds = int(seconds * 1000)
    return "{}.{:03d}Z".format(_strftime("%Y-%m-%dT%H:%M:%S", _gmtime(milliseconds // 1000)), milliseconds % 1000)


def _error_lines(payload: Dict[str, Any]) -> List[str]:
    head = "[ERROR]"
    if payload["errorType"]:
        head += " " + payload["errorType"]
    if payload["errorMessage"]:
        head += (": " if payload["errorType"] else " ") + payload["errorMessage"]
    lines = [head, "Traceback (most recent call last):"]
    for element in payload["stackTrace"]:
        for line in element.splitlines():
            text = line.lstrip(" ")
            lines.append(_INDENT * (len(line) - len(text)) + text)
    return lines


class _RequestId(logging.Filter):
    def __init__(self, owner: Logging) -> None:
        super().__init__()
        self._owner = owner

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self._owner.request_id
        record.tenant_id = None
        return True


class _Handler(logging.Handler):
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.log_sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.log_sink.log(self.format(record))
        except Exception:
            self.handleError(record)


def _text_formatter() -> logging.Formatter:
    return logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"
    )


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        kind, value, trace = record.exc_info if record.exc_info else (None, None, None)
        level = min(50, max(0, record.levelno)) // 10 * 10
        line = {
            "timestamp": _timestamp(record.created),
            "level": logging.getLevelName(level),
            "message": record.getMessage(),
            "logger": record.name,
            "stackTrace": _format_tb(trace) if kind else None,
            "errorType": kind.__name__ if kind else None,
            "errorMessage": str(value) if kind else None,
            "requestId": getattr(record, "aws_request_id", None),
            "location": "{}:{}:{}".format(record.pathname, record.funcName, record.lineno) if kind else None,
        }
        for name, extra in record.__dict__.items():
            if name not in _RECORD_ATTRIBUTES and name not in line:
                line[name] = extra
        return _encode_json({name: given for name, given in line.items() if given is not None})
