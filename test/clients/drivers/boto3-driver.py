"""Calls AWS operations by boto3, as `lines.py` is asked."""

import functools
import os

import lines

try:
    import boto3
except ImportError as error:
    lines.missing(f"boto3 is not installed: {error}")
from botocore import xform_name
from botocore.eventstream import EventStream
from botocore.exceptions import ClientError, ParamValidationError
from botocore.response import StreamingBody


@functools.cache
def client_of(service):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def read(member):
    """A stream to its end."""
    if isinstance(member, StreamingBody):
        return member.read()
    return list(member) if isinstance(member, EventStream) else member


def call(service, operation, arguments):
    try:
        answer = getattr(client_of(service), xform_name(operation))(**arguments)
    except ClientError as error:
        raise lines.Refused(error.response["Error"]["Code"], error.response["Error"].get("Message", ""))
    except ParamValidationError as error:
        raise lines.Refused("ParamValidationError", str(error))
    del answer["ResponseMetadata"]
    return {name: read(member) for name, member in answer.items()}


def knows(service, operation, member):
    model = client_of(service).meta.service_model
    return operation in model.operation_names and lines.has_member(model.operation_model(operation), member)


lines.serve(call, knows)
