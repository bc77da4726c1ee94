import { EventEmitter } from 'node:events';
import type WebSocket from 'ws';
import type { Transport } from '../transport.ts';

/** Why a WebSocket is closed. @see RFC 6455, 7.4.1 */
const NORMAL = 1000;
const UNSUPPORTED_DATA = 1003;

/**
 * Packets of MQTT in the binary frames of a WebSocket (MQTT 5, chapter 6): a frame may hold part of a packet or several
 * [MQTT-6.0.0-2].
 */
export class WebSocketTransport extends EventEmitter implements Transport {
  readonly #socket: WebSocket;
  readonly #open: number;

  constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    this.#open = socket.OPEN;
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.emit('data', data as Buffer);
      // [MQTT-6.0.0-1]
      else socket.close(UNSUPPORTED_DATA, 'MQTT is sent in binary frames');
    });
    socket.on('error', (error) => this.emit('error', error));
    socket.on('close', () => this.emit('close'));
  }

  get writable(): boolean {
    return this.#socket.readyState === this.#open;
  }

  get writableLength(): number {
    return this.#socket.bufferedAmount;
  }

  write(bytes: Uint8Array, written: () => void): void {
    this.#socket.send(bytes, BINARY, written);
  }

  end(): void {
    this.#socket.close(NORMAL);
  }

  destroy(): void {
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

const BINARY = { binary: true, compress: false } as const;
