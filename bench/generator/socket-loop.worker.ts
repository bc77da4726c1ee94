/**
 * What passing messages between sockets takes in Node at the least: each QoS 1 PUBLISH goes to the one subscriber of its topic as it
 * came, and is acknowledged. Understands only what the generator sends, packets of less than 128 bytes. Prints its port.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';

const [CONNECT, PUBLISH, SUBSCRIBE] = [0x10, 0x32, 0x82];
const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const subscribers = new Map<string, Socket>();

const textAt = (packet: Buffer, at: number) => packet.toString('latin1', at + 2, at + 2 + packet.readUInt16BE(at));

function answer(socket: Socket, packet: Buffer): void {
  if (packet[0] === CONNECT) socket.write(CONNACK);
  else if (packet[0] === SUBSCRIBE) {
    subscribers.set(textAt(packet, 4), socket);
    socket.write(Buffer.from([0x90, 3, packet[2]!, packet[3]!, 1]));
  } else if (packet[0] === PUBLISH) {
    const idAt = 4 + packet.readUInt16BE(2);
    subscribers.get(textAt(packet, 2))?.write(packet);
    socket.write(Buffer.from([0x40, 2, packet[idAt]!, packet[idAt + 1]!]));
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]!) {
      answer(socket, bytes.subarray(at, at + 2 + bytes[at + 1]!));
    }
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
