"""A function that nobody has deployed: see millrace_runtime/rehearsal.py."""

import json
import os

SEEN = {}


class Refused(Exception):
    pass


def handler(event, context):
    SEEN["id"] = context.aws_request_id
    if event is None:
        raise Refused(json.dumps(os.environ.get("HOME")))
    return {"event": event, "left": context.get_remaining_time_in_millis()}
