"""Errors as Lambda's Python runtime names and writes them."""

import os.path
import traceback
from types import TracebackType
from typing import Any, Dict, List, Optional, Tuple, Type

ExcInfo = Tuple[Type[BaseException], BaseException, Optional[TracebackType]]

#: Frames of the runtime itself stand first in a trace and are left out.
_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

_extract = traceback.extract_tb
_format_list = traceback.format_list


class Fault(Exception):
    """What the runtime itself has to say of a function, by the name that AWS gives it."""

    #: The payload is no JSON. The caller's fault: the node answers the caller, and the function's errors do not count it.
    EVENT_INVALID = "Millrace.EventInvalid"
    BUILT_IN_MODULE_CONFLICT = "Runtime.BuiltInModuleConflict"
    CONTEXT_UNMARSHAL = "Runtime.LambdaContextUnmarshalError"
    HANDLER_NOT_FOUND = "Runtime.HandlerNotFound"
    IMPORT_MODULE = "Runtime.ImportModuleError"
    MALFORMED_HANDLER_NAME = "Runtime.MalformedHandlerName"
    MARSHAL = "Runtime.MarshalError"
    RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"
    #: Init has left something that a clone of the process would not have.
    SNAPSHOT_UNSUPPORTED = "Snapshot.Unsupported"
    USER_CODE_SYNTAX = "Runtime.UserCodeSyntaxError"

    def __init__(self, error_type: str, message: str, trace: Optional[List[str]] = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace or []


def describe(exc_info: ExcInfo, request_id: str = "") -> Dict[str, Any]:
    """What the caller of the function sees. Never raises, whatever was raised."""
    kind, value, trace = exc_info
    if isinstance(value, Fault):
        return _payload(value.message, value.error_type, request_id, value.trace)
    try:
        message = str(value)
    except Exception:
        message = "<exception str() failed>"
    try:
        frames = _format_list(_without_own(_extract(trace)))
    except Exception:
        frames = []
    return _payload(message, kind.__name__, request_id, frames)


def _payload(message: str, error_type: str, request_id: str, trace: List[str]) -> Dict[str, Any]:
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def _without_own(frames: traceback.StackSummary) -> List[Tuple[str, Optional[int], str, Optional[str]]]:
    """Plain rows, as Lambda has them: a newer Python would mark parts of the lines otherwise."""
    at = 0
    while at < len(frames) and frames[at].filename.startswith(_OWN):
        at += 1
    # All of it ours: better the whole trace than none.
    return [(each.filename, each.lineno, each.name, each.line) for each in list(frames[at:]) or frames]
