'use strict';
/**
 * Doors: services of the node on the loopback of this sandbox. In a network of its own the sandbox can reach nothing of the
 * machine, and the node nothing of it; so this process makes the listeners, while it is still blank, and hands them to the
 * node over Node's own channel at descriptor 4:
 *
 *   MILLRACE_DOORS   name:port, comma separated: runtime-api:9001,node:4566,xray:2000/udp
 *   message          { door: name } with the listening server, or the bound socket; the node disconnects when it has all of them
 *
 * `node:net` and `node:child_process` would do that, and take 6 ms of a start to load what they need for everything else. So it is
 * done with the parts that they are made of, where this Node has them. Few environments have a door for datagrams: they take the time.
 */
const DESCRIPTOR = 4;
const HOST = '127.0.0.1';
/** Connections that wait for the node at most. */
const BACKLOG = 1024;

/** Resolves when the node has every door, and the channel is closed. */
async function openDoors() {
  const { MILLRACE_DOORS: list } = process.env;
  delete process.env.MILLRACE_DOORS;
  if (!list) return;
  const doors = list.split(',').map((door) => door.split(':'));
  const parts = list.includes('/udp') ? undefined : partsOfNode();
  await (parts ? handOverBy(parts, doors) : handOver(doors));
}

/** What Node keeps for old programs; `undefined` where it does not any more. */
function partsOfNode() {
  try {
    const { TCP, constants: tcp } = process.binding('tcp_wrap');
    const { Pipe, constants: pipe } = process.binding('pipe_wrap');
    const { WriteWrap } = process.binding('stream_wrap');
    return { newListener: () => new TCP(tcp.SERVER), newChannel: () => new Pipe(pipe.IPC), WriteWrap };
  } catch {
    return undefined;
  }
}

/** A line of JSON with the listener beside it, as Node's own processes say it to each other; the next when that is acknowledged. */
function handOverBy({ newListener, newChannel, WriteWrap }, doors) {
  const channel = newChannel();
  check(channel.open(DESCRIPTOR));
  const next = () => {
    const [name, port] = doors.shift();
    const listener = newListener();
    check(listener.bind(HOST, Number(port)));
    check(listener.listen(BACKLOG));
    const request = new WriteWrap();
    const message = { cmd: 'NODE_HANDLE', type: 'net.Server', msg: { door: name } };
    check(channel.writeUtf8String(request, `${JSON.stringify(message)}\n`, listener));
    // The node has its copy; with this one the function could answer in the node's place.
    return () => listener.close();
  };
  let closeLast = next();
  return new Promise((resolve) => {
    channel.onread = (bytes) => {
      closeLast();
      if (bytes && Buffer.from(bytes).includes('NODE_HANDLE_NACK'))
        throw new Error('the node did not take a door over');
      closeLast = doors.length > 0 && bytes ? next() : () => {};
      if (bytes) return;
      channel.close();
      resolve();
    };
    check(channel.readStart());
  });
}

/** @param status  below 0 the number of an error */
function check(status) {
  if (status < 0) throw new Error(`doors cannot be opened: ${require('node:util').getSystemErrorName(status)}`);
}

/** The same by what is documented. */
async function handOver(doors) {
  const { once } = require('node:events');
  const { createServer } = require('node:net');
  require('node:child_process')._forkChild(DESCRIPTOR, 'json');
  const closed = once(process, 'disconnect');
  for (const [name, port] of doors) {
    const isForDatagrams = port.endsWith('/udp');
    const handle = isForDatagrams ? require('node:dgram').createSocket('udp4') : createServer();
    if (isForDatagrams) handle.bind(Number.parseInt(port, 10), HOST);
    else handle.listen(Number(port), HOST, BACKLOG);
    await once(handle, 'listening');
    await new Promise((sent) => process.send({ door: name }, handle, sent));
    handle.close();
  }
  await closed;
}

module.exports = { openDoors };
