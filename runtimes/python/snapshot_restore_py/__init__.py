"""Runtime hooks of SnapStart, under the names of AWS's library of the same name.

    @register_before_snapshot      runs before the snapshot is taken; the last one registered runs first
    @register_after_restore        runs in each environment that starts from it, in the order of registration

Both take a callable with its arguments too: `register_after_restore(connect, "table", retries=3)`.
See "Lambda SnapStart runtime hooks for Python" in the Lambda developer guide.
"""

from typing import Any, Callable, Dict, List, Tuple, TypeVar

Hook = Tuple[Callable[..., Any], Tuple[Any, ...], Dict[str, Any]]
F = TypeVar("F", bound=Callable[..., Any])

_before_snapshot: List[Hook] = []
_after_restore: List[Hook] = []


def register_before_snapshot(func: F, *args: Any, **kwargs: Any) -> F:
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func: F, *args: Any, **kwargs: Any) -> F:
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot() -> List[Hook]:
    return _before_snapshot


def get_after_restore() -> List[Hook]:
    return _after_restore
