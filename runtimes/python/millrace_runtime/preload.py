"""What a blank environment does ahead, off the path of any invocation: loads what most functions ask for.

Modules of the standard library, and boto3 with what it needs where it is installed. Nothing is read that depends on the
function: no credentials, no region, no configuration.
"""

import importlib

_STANDARD = (
    "abc asyncio base64 bisect calendar collections.abc concurrent.futures.thread configparser contextlib contextvars copy"
    " csv ctypes dataclasses datetime decimal difflib email.message email.parser enum fnmatch fractions functools gc getpass"
    " glob gzip hashlib heapq hmac html http.client http.cookies inspect io ipaddress itertools json locale logging.config"
    " math mimetypes multiprocessing numbers operator pathlib pickle pkgutil platform pprint queue random re secrets shlex"
    " shutil signal socket ssl statistics string struct subprocess tempfile textwrap threading traceback types typing"
    " unittest.mock urllib.error urllib.parse urllib.request uuid warnings weakref xml.etree.ElementTree zipfile zlib"
    " zoneinfo"
).split()

#: boto3 and the modules of botocore that are otherwise loaded when the first client is made or called.
_INSTALLED = (
    "boto3",
    "boto3.dynamodb.conditions",
    "boto3.dynamodb.types",
    "boto3.resources.factory",
    "boto3.session",
    "botocore.args",
    "botocore.client",
    "botocore.credentials",
    "botocore.discovery",
    "botocore.docs.docstring",
    "botocore.endpoint",
    "botocore.endpoint_provider",
    "botocore.handlers",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.regions",
    "botocore.retries.adaptive",
    "botocore.retries.standard",
    "botocore.serialize",
    "botocore.signers",
    "botocore.waiter",
    "s3transfer.manager",
)


def preload() -> None:
    for name in _STANDARD:
        _load(name)
    for name in _INSTALLED:
        if not _load(name):
            break


def _load(name: str) -> bool:
    try:
        importlib.import_module(name)
        return True
    except Exception:
        # Not of this version of Python, or not installed, or broken: the function finds out when it asks for it.
        return False
