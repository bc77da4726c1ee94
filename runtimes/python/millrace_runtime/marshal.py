"""JSON between the node and the handler, as Lambda's Python runtime writes it.

That runtime uses simplejson, which differs from the standard library: `Decimal` is a number, a named tuple is an object, bytes
are text, and `NaN` is let through. What holds none of these, nearly everything, takes the standard library's encoder, which
writes the same and is made of C.
"""

import json
from decimal import Decimal
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Callable, Dict, Iterator, Set

from .errors import Fault

_loads = json.loads
_float_repr = float.__repr__
_int_repr = int.__repr__
_INFINITY = float("inf")

#: Runtimes that write text as it is, not as `\\uXXXX`.
_UNESCAPED_SINCE = (3, 12)


def unmarshal(payload: bytes) -> Any:
    try:
        return _loads(payload)
    except Exception as error:
        raise Fault(Fault.EVENT_INVALID, "Unable to unmarshal input: {}".format(error))


class Marshaller:
    """Writes what handlers return."""

    def __init__(self, runtime: str) -> None:
        """`runtime`: `python3.12`, as AWS names it."""
        escapes = _version_of(runtime) < _UNESCAPED_SINCE
        self._encode = json.JSONEncoder(ensure_ascii=escapes).encode
        self._quote = encode_basestring_ascii if escapes else encode_basestring

    def marshal(self, value: Any) -> bytes:
        """Raises a `Fault` of type `Runtime.MarshalError`."""
        if isinstance(value, bytes):
            return value
        try:
            return self.to_json(value).encode("utf-8")
        except Exception as error:
            raise Fault(Fault.MARSHAL, "Unable to marshal response: {}".format(error))

    def to_json(self, value: Any) -> str:
        if _is_plain(value):
            return self._encode(value)
        return "".join(_pieces(value, self._quote, set()))


def _version_of(runtime: str) -> tuple:
    major, _, minor = runtime[len("python") :].partition(".")
    return int(major), int(minor)


def _is_plain(value: Any) -> bool:
    """Whether the standard encoder writes it as simplejson does."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return True
    if kind is dict:
        return all(map(_is_plain, value.values())) and all(type(key) is str for key in value)
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    return False


def _pieces(value: Any, quote: Callable[[str], str], open_ids: Set[int]) -> Iterator[str]:
    """The order of these tests is simplejson's."""
    if isinstance(value, str):
        yield quote(value)
    elif isinstance(value, bytes):
        yield quote(value.decode("utf-8"))
    elif value is None or value is True or value is False:
        yield "null" if value is None else "true" if value else "false"
    elif isinstance(value, int):
        yield _int_repr(value)
    elif isinstance(value, float):
        yield _float(value)
    elif isinstance(value, list):
        yield from _array(value, quote, open_ids)
    elif callable(getattr(value, "_asdict", None)):
        yield from _object(value._asdict(), quote, open_ids)
    elif isinstance(value, tuple):
        yield from _array(value, quote, open_ids)
    elif isinstance(value, dict):
        yield from _object(value, quote, open_ids)
    elif isinstance(value, Decimal):
        yield "NaN" if value.is_nan() else str(value)
    else:
        raise TypeError("Object of type {} is not JSON serializable".format(type(value).__name__))


def _array(value: Any, quote: Callable[[str], str], open_ids: Set[int]) -> Iterator[str]:
    _enter(value, open_ids)
    separator = "["
    for item in value:
        yield separator
        yield from _pieces(item, quote, open_ids)
        separator = ", "
    yield "[]" if separator == "[" else "]"
    open_ids.discard(id(value))


def _object(value: Dict[Any, Any], quote: Callable[[str], str], open_ids: Set[int]) -> Iterator[str]:
    _enter(value, open_ids)
    separator = "{"
    for key, item in value.items():
        yield separator + quote(_key(key)) + ": "
        yield from _pieces(item, quote, open_ids)
        separator = ", "
    yield "{}" if separator == "{" else "}"
    open_ids.discard(id(value))


def _enter(value: Any, open_ids: Set[int]) -> None:
    if id(value) in open_ids:
        raise ValueError("Circular reference detected")
    open_ids.add(id(value))


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if isinstance(key, float):
        return _float(key)
    if key is None or key is True or key is False:
        return "null" if key is None else "true" if key else "false"
    if isinstance(key, int):
        return _int_repr(key)
    raise TypeError("keys must be str, int, float, bool or None, not {}".format(type(key).__name__))


def _float(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (_INFINITY, -_INFINITY):
        return "Infinity" if value > 0 else "-Infinity"
    return _float_repr(value)
