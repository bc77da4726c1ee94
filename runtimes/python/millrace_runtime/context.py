"""The `context` object of a handler, with every attribute that Lambda's has."""

import json
import logging
import sys
import time
from base64 import b64decode
from typing import Any, Dict, Optional

from .channel import Invoke
from .errors import Fault

#: Members of `clientContext.w3c` that `context.w3c()` gives.
_W3C = ("traceparent", "tracestate", "baggage")

_now = time.time
_loads = json.loads
_b64decode = b64decode


class _Record:
    """Named fields that may be absent, and are `None` then."""

    __slots__ = ()

    def __init__(self, values: Dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self) -> str:
        fields = ",".join("{}={}".format(name, getattr(self, name)) for name in self.__slots__)
        return "{}([{}])".format(type(self).__name__, fields)


class CognitoIdentity(_Record):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Record):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Record):
    __slots__ = ("custom", "env", "client")

    def __init__(self, values: Dict[str, Any]) -> None:
        super().__init__(values)
        if self.client is not None:
            self.client = Client(self.client)


class LambdaContext:
    """Of one invocation."""

    def __init__(self, invoke: Invoke, environment: Dict[str, str]) -> None:
        self.aws_request_id = invoke.request_id
        self.log_group_name = environment["logGroupName"]
        self.log_stream_name = environment["logStreamName"]
        self.function_name = environment["functionName"]
        self.memory_limit_in_mb = environment["memoryLimitInMB"]
        self.function_version = environment["functionVersion"]
        self.invoked_function_arn = invoke.function_arn
        self.tenant_id = None
        given = _client_context_of(invoke.client_context) if invoke.client_context else None
        self._w3c_fields = _take_w3c(given)
        self.client_context = None if given is None else ClientContext(given)
        self.identity = CognitoIdentity({})
        self._epoch_deadline_time_in_ms = int(invoke.deadline_ms)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._epoch_deadline_time_in_ms - int(_now() * 1000))

    def w3c(self) -> Dict[str, str]:
        """The W3C trace context that the caller has sent in its client context."""
        return dict(self._w3c_fields)

    def log(self, message: Any) -> None:
        for handler in logging.getLogger().handlers:
            if hasattr(handler, "log_sink"):
                return handler.log_sink.log(str(message))
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        fields = ",".join("{}={}".format(name, getattr(self, name)) for name in names)
        return "LambdaContext([{}])".format(fields)


def _client_context_of(header: str) -> Dict[str, Any]:
    try:
        parsed = _loads(_b64decode(header))
    except Exception as error:
        raise Fault(Fault.CONTEXT_UNMARSHAL, "Unable to parse Client Context JSON: {}".format(error))
    return parsed if isinstance(parsed, dict) else {}


def _take_w3c(given: Optional[Dict[str, Any]]) -> Dict[str, str]:
    fields = given.pop("w3c", None) if given else None
    if not isinstance(fields, dict):
        return {}
    return {name: fields[name] for name in _W3C if isinstance(fields.get(name), str)}
