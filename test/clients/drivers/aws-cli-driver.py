"""Calls AWS operations by the aws CLI, as `lines.py` is asked: a command line a call, by the CLI's own driver in this process."""

import contextlib
import datetime
import io
import json
import os
import re
import tempfile

import lines

try:
    import awscli.clidriver
except ImportError as error:
    lines.missing(f"the aws CLI is not installed: {error}")
from botocore import xform_name

GLOBALS = ["--endpoint-url", os.environ["AWS_ENDPOINT_URL"], "--output", "json", "--no-paginate"]
REFUSED = re.compile(r"An error occurred \((.*?)\) when calling the \w+ operation(?: \(reached max retries: \d+\))?: (.*)", re.S)

# Most of what a call costs is the start of the CLI. Its arguments know no call but the one that they are parsed of, so one start does
# for all; but an argument that names the file for a stream stands by that file for as long as its driver is there.
lasting_driver = awscli.clidriver.create_clidriver()


def driver_for(model):
    if not model.has_streaming_output:
        return lasting_driver
    driver = awscli.clidriver.create_clidriver()
    # The files of models, which are merely read.
    driver.session.register_component("data_loader", lasting_driver.session.get_component("data_loader"))
    return driver


def model_of(service, operation):
    """Of the operation, if the CLI has a command for it."""
    command = lasting_driver.subcommand_table[service].subcommand_table.get(xform_name(operation, "-"))
    return command and command._operation_model


def call(service, operation, arguments):
    model = model_of(service, operation)
    with tempfile.TemporaryDirectory() as directory:
        outfile = os.path.join(directory, "outfile")
        words = list(words_of(model, arguments, directory, outfile))
        output = run(driver_for(model), [*GLOBALS, service, xform_name(operation, "-"), *words])
        answer = tagged(model.output_shape, json.loads(output)) if output else {}
        if model.has_streaming_output:
            with open(outfile, "rb") as body:
                answer[model.output_shape.serialization["payload"]] = body.read()
        return answer


def run(driver, words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = awscli.clidriver.AWSCLIEntryPoint(driver).main(words)
    if code == 0:
        return out.getvalue()
    refused = REFUSED.search(err.getvalue())
    if refused is None:
        raise lines.Refused(f"Exit{code}", err.getvalue().strip())
    raise lines.Refused(refused[1], refused[2].strip())


def words_of(model, arguments, directory, outfile):
    """Of a command line: members in one document, and each by itself where the CLI takes none; streams by file."""
    streamed = streamed_of(model)
    members = {name: member for name, member in arguments.items() if name != streamed}
    if model.has_streaming_output:
        for name, member in members.items():
            yield option(xform_name(name, "-"), member)
        yield outfile
    else:
        yield from ["--cli-input-json", json.dumps(members, default=text)]
    if streamed in arguments:
        path = os.path.join(directory, "body")
        with open(path, "wb") as body:
            body.write(arguments[streamed])
        yield from ["--" + xform_name(streamed, "-"), path]


def streamed_of(model):
    """The member that the CLI takes as the path of a file: a payload that is merely bytes it takes as Base64, as any."""
    payload = model.get_streaming_input() and model.input_shape.serialization["payload"]
    return payload if payload and model.input_shape.members[payload].serialization.get("streaming") else None


def option(name, member):
    if isinstance(member, bool):
        return f"--{name}" if member else f"--no-{name}"
    if isinstance(member, (dict, list)):
        return f"--{name}={json.dumps(member, default=text)}"
    return f"--{name}={member if isinstance(member, (str, int, float)) else text(member)}"


def text(value):
    """Of what JSON has not, as the CLI takes it."""
    return value.isoformat() if isinstance(value, datetime.datetime) else lines.tagged(value)["$bytes"]


def tagged(shape, value):
    """The CLI prints bytes and times as texts: its own model tells which these are."""
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: tagged(shape.members[name], member) for name, member in value.items()}
    if shape.type_name == "list":
        return [tagged(shape.member, one) for one in value]
    if shape.type_name == "map":
        return {key: tagged(shape.value, one) for key, one in value.items()}
    if shape.type_name == "timestamp":
        return datetime.datetime.fromisoformat(value)
    return {"$bytes": value} if shape.type_name == "blob" else value


def knows(service, operation, member):
    model = model_of(service, operation)
    return model is not None and lines.has_member(model, member)


lines.serve(call, knows)
