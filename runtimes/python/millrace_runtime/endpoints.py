"""Has a botocore that does not know `AWS_ENDPOINT_URL` honour it.

The node gives its own address to functions by that variable. botocore reads it from version 1.31.0 on; Debian 12 has 1.29, and what
functions bring along may be older. Without this, their clients would turn to AWS itself.
"""

import functools
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any, Optional, Sequence

_MODULE = "botocore.session"
#: `endpoint_url` in the signature of `Session.create_client`, counted from `service_name`.
_ENDPOINT_URL_AT = 5


class _Finder:
    """Finds the one module as it would be found anyway, and looks at it once it is loaded."""

    @staticmethod
    def find_spec(name: str, path: Optional[Sequence[str]] = None, target: Any = None) -> Optional[ModuleSpec]:
        if name != _MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            _teach(module.Session)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def honour_endpoint_url() -> None:
    """For every botocore that is loaded from now on."""
    sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type]


def _teach(session: Any) -> None:
    if hasattr(sys.modules["botocore.configprovider"], "ConfiguredEndpointProvider"):
        return
    create_client = session.create_client

    @functools.wraps(create_client)
    def create_client_at_endpoint(self: Any, service_name: str, *args: Any, **kwargs: Any) -> Any:
        if len(args) < _ENDPOINT_URL_AT and kwargs.get("endpoint_url") is None:
            kwargs["endpoint_url"] = _endpoint_of(service_name)
        return create_client(self, service_name, *args, **kwargs)

    session.create_client = create_client_at_endpoint


def _endpoint_of(service_name: str) -> Optional[str]:
    """See "Service-specific endpoints" in the AWS SDKs and Tools reference guide."""
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    own = "AWS_ENDPOINT_URL_" + service_name.upper().replace("-", "_")
    return os.environ.get(own) or os.environ.get("AWS_ENDPOINT_URL") or None
