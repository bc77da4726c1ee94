"""A question a line comes in, an answer a line goes out. JSON has neither bytes nor times: `$bytes` (Base64) and `$time` (epoch ms)."""

import base64
import datetime
import json
import os
import sys


class Refused(Exception):
    """What was answered instead of an output."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def untagged(value):
    if "$bytes" in value:
        return base64.b64decode(value["$bytes"])
    if "$time" in value:
        return datetime.datetime.fromtimestamp(value["$time"] / 1000, datetime.timezone.utc)
    return value


def tagged(value):
    """Of what JSON has not; for `json.dumps`."""
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return {"$time": round(value.timestamp() * 1000)}
    raise TypeError(f"cannot tell of a {type(value)}")


def serve(call, knows):
    """Answers until nothing is asked any more. What anybody prints goes to stderr: stdout is for answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer):
        answers.write(json.dumps(answer, default=tagged) + "\n")
        answers.flush()

    say({"ready": True})
    for line in sys.stdin:
        question = json.loads(line, object_hook=untagged)
        service = question["service"]
        try:
            if "knows" in question:
                say({"output": knows(service, question["knows"], question.get("member"))})
            else:
                say({"output": call(service, question["call"], question["input"])})
        except Refused as refused:
            say({"error": {"code": refused.code, "message": str(refused)}})


def missing(reason):
    print(json.dumps({"missing": reason}))
    sys.exit()


def has_member(operation_model, member):
    """Whether an operation of a botocore model takes this, or answers it."""
    shapes = [operation_model.input_shape, operation_model.output_shape]
    return member is None or any(shape is not None and member in shape.members for shape in shapes)
