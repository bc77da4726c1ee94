"""Listens, inside the sandbox, for the services of the node, and hands the listening sockets over to it.

`MILLRACE_DOORS` names the doors: `runtime-api:9001,node:4566,xray:2000/udp`. The sockets go over the IPC channel that Node gives its
children (descriptor 4), in its own framing: a line of JSON with the descriptor beside it. So the node accepts what connects
to a loopback that it cannot reach itself. `runtimes/nodejs/doors.js` is the same in JavaScript.
"""

import json
from typing import Any, Mapping, MutableMapping

#: Of the channel to the node.
_DESCRIPTOR = 4
#: Connections that may wait until the node takes them.
_BACKLOG = 128


def open_doors(environment: MutableMapping[str, str]) -> None:
    """Hands over every door that the environment names and takes the variable out of it."""
    doors = environment.pop("MILLRACE_DOORS", "")
    if not doors:
        return
    import socket

    with socket.socket(fileno=_DESCRIPTOR) as node:
        node.setblocking(True)
        for door in doors.split(","):
            name, _, port = door.rpartition(":")
            port, _, protocol = port.partition("/")
            if protocol == "udp":
                _hand_over_datagrams(node, name, int(port))
            else:
                _hand_over(node, name, int(port))
        # Who acknowledges a door passes it on to the node, which closes the channel when it has all of them.
        while node.recv(4096):
            pass


def _hand_over(node: Any, name: str, port: int) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(_BACKLOG)
        # Node expects a socket that does not block.
        listener.setblocking(False)
        _send(node, {"type": "net.Server", "msg": {"door": name}}, listener)


def _hand_over_datagrams(node: Any, name: str, port: int) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", port))
        receiver.setblocking(False)
        _send(node, {"type": "dgram.Socket", "dgramType": "udp4", "msg": {"door": name}}, receiver)


def _send(node: Any, message: Mapping[str, object], handle: Any) -> None:
    import array
    import socket

    line = json.dumps({"cmd": "NODE_HANDLE", **message}).encode() + b"\n"
    rights = array.array("i", [handle.fileno()])
    node.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    _await_acknowledgement(node)


def _await_acknowledgement(node: Any) -> None:
    """Node answers each handle; one that it could not take is a door that stays shut, which must not go unnoticed."""
    answer = b""
    while b"NODE_HANDLE_ACK" not in answer:
        some = node.recv(4096)
        answer += some
        if not some or b"NODE_HANDLE_NACK" in answer:
            raise OSError("the node did not take a door over")
