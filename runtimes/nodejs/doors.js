'use strict';
/**
 * Doors: services of the node on the loopback of this sandbox. In a network of its own the sandbox can reach nothing of the
 * machine, and the node nothing of it; so this process makes the listeners, while it is still blank, and hands them to the
 * node over Node's own channel at descriptor 4:
 *
 *   MILLRACE_DOORS   name:port, comma separated: runtime-api:9001,node:4566,xray:2000/udp
 *   message          { door: name } with the listening server, or the bound socket; the node disconnects when it has all of them
 */
const { once } = require('node:events');
const { createServer } = require('node:net');

/** Resolves when the node has every door, and the channel is closed. */
async function openDoors() {
  const { MILLRACE_DOORS: list } = process.env;
  delete process.env.MILLRACE_DOORS;
  if (!list || !process.channel) return;
  const closed = once(process, 'disconnect');
  await Promise.all(list.split(',').map((door) => handOver(...door.split(':'))));
  await closed;
}

const HOST = '127.0.0.1';
/** Connections that wait for the node at most. */
const BACKLOG = 1024;

/**
 * `server.listen`, past what looks names up and what shares ports among the processes of a cluster: loading these for an address takes
 * 5 ms. The name is an old one that Node keeps for others' sake; where it is gone it takes longer.
 */
function listen(server, port) {
  if (server._listen2) server._listen2(HOST, port, 4, BACKLOG);
  else server.listen(port, HOST, BACKLOG);
}

async function handOver(name, port) {
  if (port.endsWith('/udp')) return handOverDatagrams(name, Number.parseInt(port, 10));
  const server = createServer();
  listen(server, Number(port));
  await once(server, 'listening');
  await new Promise((sent) => process.send({ door: name }, server, sent));
  // The node has its copy; with this one the function could answer in the node's place.
  server.close();
}

async function handOverDatagrams(name, port) {
  // Few environments have such a door, and loading this takes as long as the rest.
  const socket = require('node:dgram').createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  await new Promise((sent) => process.send({ door: name }, socket, sent));
  socket.close();
}

module.exports = { openDoors };
