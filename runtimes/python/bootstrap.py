"""The Python runtime of an execution environment.

    start -> preload modules -> ready -> (blocks: this is a blank environment) -> load -> initialised
          -> (blocks: idle) -> invoke -> response or error -> (blocks: idle) -> ...

A blank one, or one with a function initialised, may be told to clone itself: see template.py.

While the main thread blocks in `Channel.read` nothing of the function runs but threads that it has left behind, and the node
stops those with the whole process. What the handler may see and do is what Lambda's own runtime, awslambdaric, lets it.
"""

import decimal  # noqa: F401
import importlib
import json
import logging as _logging  # noqa: F401
import os
import sys
import time
import traceback
from typing import Any, Dict, FrozenSet, Optional

#: What Lambda's runtime has loaded as well when it turns to the function: a function cannot have a module of its own by these
#: names. Everything that is loaded from here on gives way to the function's own.
LOADED_ON_LAMBDA = frozenset(sys.modules)

import resource

from millrace_runtime import bytecode
from millrace_runtime import channel as frames
from millrace_runtime.bytecode import ByteCode
from millrace_runtime.channel import Channel, Invoke
from millrace_runtime.context import LambdaContext
from millrace_runtime.doors import open_doors
from millrace_runtime.endpoints import honour_endpoint_url
from millrace_runtime.errors import Fault, describe
from millrace_runtime.handler import Handler, load_handler, use_packages
from millrace_runtime.hooks import run_after_restore, run_before_snapshot
from millrace_runtime.log import Logging
from millrace_runtime.marshal import Marshaller, unmarshal
from millrace_runtime.preload import preload
from millrace_runtime.rehearsal import rehearse
from millrace_runtime.template import Template, refuse_to_clone

#: Bytes of a response at most, as Lambda counts them: 6 MB and some room for its own envelope.
RESPONSE_BYTES_MAX = 6_291_556

_usage = resource.getrusage
_SELF = resource.RUSAGE_SELF
_leave = os._exit
_exc_info = sys.exc_info
_print_exception = traceback.print_exc
_loads = json.loads


class Runtime:
    """One environment: blank, then of one function."""

    def __init__(self, channel: Channel, logging: Logging, preloaded: FrozenSet[str], ahead: bool) -> None:
        self._channel = channel
        self._logging = logging
        self._preloaded = preloaded
        self._ahead = ahead
        self._template = Template(channel)
        self._context: Dict[str, str] = {}
        self._marshaller = Marshaller("python3.14")
        self._handler: Optional[Handler] = None
        self._bytecode: Optional[ByteCode] = None
        #: Present where the environment runs several invocations at once.
        self._threads: Any = None

    def run(self) -> None:
        """Does what the node says until it closes the channel."""
        channel = self._channel
        self._be_ready(self._ahead)
        while True:
            frame = channel.read()
            if frame is None:
                # As when an environment is shut down on Lambda: nothing of the function runs once more.
                _leave(0)
            kind, body = frame
            if kind == frames.INVOKE:
                self._start(Invoke(body))
            elif kind == frames.LOAD:
                self._load(_loads(body))
            elif kind == frames.CLONE:
                order = _loads(body)
                if self._template.clone(order):
                    self._be_ready(order["ahead"])
            else:
                raise ValueError("frame of unknown kind {}".format(kind))

    def _be_ready(self, ahead: bool) -> None:
        """`ahead`: nobody waits yet."""
        if ahead:
            rehearse()
        self._channel.signal(frames.READY)

    def _load(self, config: Dict[str, Any]) -> None:
        """
        Becomes the environment of one function: `LoadConfig` of `src/runtime/environments/load-config.ts`, and
        `snapshot: true` where it is to be its template. A clone of that has the handler already, and is told what is new.
        """
        try:
            self._take_over(config)
            if self._handler is None:
                self._initialise(config)
            else:
                run_after_restore()
        except Exception:
            self._fail_init()
        self._logging.finish()
        self._channel.signal(frames.INITIALISED)

    def _take_over(self, config: Dict[str, Any]) -> None:
        for name, value in config["variables"].items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        time.tzset()
        self._context = config["context"]

    def _initialise(self, config: Dict[str, Any]) -> None:
        variables = config["variables"]
        self._marshaller = Marshaller(config["runtime"])
        self._logging.configure(variables.get("AWS_LAMBDA_LOG_FORMAT"), variables.get("AWS_LAMBDA_LOG_LEVEL"))
        os.chdir(config["root"])
        folders = use_packages(config["root"], config["layersRoot"], self._preloaded)
        self._bytecode = ByteCode(folders, config["cacheDirectory"])
        self._bytecode.install()
        self._handler = load_handler(config["handler"])
        if config["concurrency"] > 1:
            from concurrent.futures import ThreadPoolExecutor

            # It starts no thread before the first invocation: a snapshot can hold it.
            self._threads = ThreadPoolExecutor(config["concurrency"], "invocation")
        if config.get("snapshot"):
            run_before_snapshot()
            refuse_to_clone()
            self._template.prepare()

    def _fail_init(self) -> None:
        payload = describe(_exc_info())
        self._logging.finish()
        self._logging.error(payload)
        self._channel.init_error(self._marshaller.marshal(payload))
        sys.exit(1)

    def _start(self, invoke: Invoke) -> None:
        if self._threads is None:
            self._invoke(invoke)
        else:
            self._threads.submit(self._invoke_in_thread, invoke)

    def _invoke_in_thread(self, invoke: Invoke) -> None:
        """What would end the process in its main thread ends it here too."""
        try:
            self._invoke(invoke)
        except SystemExit as end:
            _leave(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
        except BaseException:
            _print_exception()
            _leave(1)

    def _invoke(self, invoke: Invoke) -> None:
        self._logging.begin(invoke.request_id, self._threads is not None)
        if self._threads is None:
            os.environ["_X_AMZN_TRACE_ID"] = invoke.trace_header
        try:
            context = LambdaContext(invoke, self._context)
            response = self._marshaller.marshal(self._handler(unmarshal(invoke.payload), context))
            _refuse_too_large(response)
        except Exception:
            return self._fail(invoke)
        self._answered()
        self._channel.response(invoke.sequence, _usage(_SELF).ru_maxrss, response)
        if self._bytecode is not None:
            self._keep_bytecode(self._bytecode)

    def _keep_bytecode(self, code: ByteCode) -> None:
        """After the first invocation, and after its answer: the caller does not wait for it."""
        self._bytecode = None
        try:
            news = code.news()
        except Exception:
            # Something that cannot be kept is compiled the next time too.
            return
        if news is not None:
            self._channel.code_cache(bytecode.NAME, news)

    def _fail(self, invoke: Invoke) -> None:
        payload = describe(_exc_info(), invoke.request_id)
        self._answered()
        self._logging.error(payload)
        memory_kb = _usage(_SELF).ru_maxrss
        answer = self._marshaller.marshal(payload)
        self._channel.error(invoke.sequence, memory_kb, False, payload["errorType"], answer)

    def _answered(self) -> None:
        self._logging.finish()
        if not self._channel.is_open:
            # A process that the handler has forked and that has come back from it: the answer is its parent's to give.
            _leave(0)


def _refuse_too_large(response: bytes) -> None:
    size = len(response)
    if size <= RESPONSE_BYTES_MAX:
        return
    raise Fault(
        Fault.RESPONSE_TOO_LARGE,
        "Response payload size ({} bytes) exceeded maximum allowed payload size ({} bytes).".format(
            size, RESPONSE_BYTES_MAX
        ),
    )


def main() -> None:
    open_doors(os.environ)
    channel = Channel()
    logging = Logging(channel)

    def leave_to_parent() -> None:
        channel.leave()
        logging.renew()

    os.register_at_fork(after_in_child=leave_to_parent)
    honour_endpoint_url()
    # Somebody waits for this one already: it loads nothing that the function may not ask for.
    ahead = os.environ.pop("MILLRACE_PRELOAD", "") != "none"
    if ahead:
        preload()
    importlib.invalidate_caches()
    Runtime(channel, logging, frozenset(sys.modules) - LOADED_ON_LAMBDA, ahead).run()


if __name__ == "__main__":
    main()
