"""Goes through a load and an invocation once, before there is a function.

A forked process copies each page of memory when it first writes to it, and to count a reference is to write: the pages that the
first load and the first invocation touch are copied here, while nobody waits. 1.3 of the 1.6 ms of a small function's import.
"""

import os
import sys
import time
from json import loads
from typing import Any

from .channel import Invoke
from .context import LambdaContext
from .errors import describe
from .handler import load_handler
from .marshal import Marshaller, unmarshal

_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "rehearsal")
_MODULE = "millrace_rehearsal"
_CONTEXT = dict.fromkeys(
    ("logGroupName", "logStreamName", "functionName", "memoryLimitInMB", "functionVersion"), "rehearsal"
)
_INVOKE_HEAD_BYTES = 20


def rehearse() -> None:
    """Leaves nothing behind but the pages."""
    loads('{"variables": {"a": "1"}, "list": [1, 2.5, null]}')
    os.environ["REHEARSAL"] = "1"
    del os.environ["REHEARSAL"]
    time.tzset()
    sys.path.insert(0, _FOLDER)
    try:
        _invoke(load_handler(_MODULE + ".handler"))
    finally:
        sys.path.remove(_FOLDER)
        sys.path_importer_cache.pop(_FOLDER, None)
        sys.modules.pop(_MODULE, None)


def _invoke(handler: Any) -> None:
    marshaller = Marshaller("python3.14")
    context = LambdaContext(Invoke(bytes(_INVOKE_HEAD_BYTES)), _CONTEXT)
    for payload in (b'{"a": [1, 2.5, "text"]}', b"null"):
        try:
            marshaller.marshal(handler(unmarshal(payload), context))
        except Exception:
            describe(sys.exc_info())
