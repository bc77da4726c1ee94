import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import { SignatureFailure } from '../../../codec/aws/index.ts';
import type { Arrival, SignedCaller } from '../../../services/iot/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { AuthenticationFailure, refuseUpgrade } from '../../../wire/index.ts';
import type { MqttLimits } from '../limits.ts';
import { upgradeOf } from './device-door.ts';
import type { SignatureCheck } from './signatures.ts';
import { WebSocketTransport } from './websocket.ts';

/** The one path that AWS has for MQTT over WebSocket. */
const PATH = '/mqtt';

/** Takes HTTP requests that ask to become WebSockets, and makes connections of MQTT of them. */
export class Upgrades {
  readonly #limits: MqttLimits;
  readonly #logger: Logger;
  readonly #opened: (transport: WebSocketTransport, arrival: Arrival) => void;
  readonly #offended: (remoteAddress: string | undefined) => void;
  #server: Promise<WebSocketServer> | undefined;

  constructor(options: {
    readonly limits: MqttLimits;
    readonly logger: Logger;
    /** Told where a request has come from whose signature is not good. */
    readonly offended: (remoteAddress: string | undefined) => void;
    /** Told of every WebSocket that is open. */
    readonly opened: (transport: WebSocketTransport, arrival: Arrival) => void;
  }) {
    this.#limits = options.limits;
    this.#logger = options.logger;
    this.#opened = options.opened;
    this.#offended = options.offended;
  }

  /**
   * Answers the request: it becomes a WebSocket, or is refused and its socket closed.
   *
   * @param signatures  finds who has signed it
   */
  async take(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    arrival: Arrival,
    signatures: SignatureCheck,
  ): Promise<void> {
    const ignore = () => socket.destroy();
    socket.on('error', ignore);
    let caller: SignedCaller | undefined;
    const refusal = refusalOf(request);
    if (refusal) return refuseUpgrade(socket, ...refusal);
    try {
      caller = signatures(request);
    } catch (error) {
      if (!(error instanceof SignatureFailure || error instanceof AuthenticationFailure)) throw error;
      this.#logger.info('websocket refused', { reason: error.message, remoteAddress: arrival.remoteAddress });
      this.#offended(arrival.remoteAddress);
      return refuseUpgrade(socket, 403, error.message);
    }
    this.#server ??= openServer(this.#limits.webSocketMessageBytesMax);
    const server = await this.#server;
    if (socket.destroyed) return;
    socket.off('error', ignore);
    const upgrade = upgradeOf(request);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      this.#opened(new WebSocketTransport(webSocket), { ...arrival, upgrade, ...(caller && { caller }) });
    });
  }
}

/** Loaded with the first WebSocket: most devices have none. */
async function openServer(maxPayload: number): Promise<WebSocketServer> {
  const { WebSocketServer } = await import('ws');
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    maxPayload,
    // [MQTT-6.0.0-4]
    handleProtocols: () => 'mqtt',
  });
}

function refusalOf({ url = '', headers }: IncomingMessage): readonly [status: 400 | 404, message: string] | undefined {
  if (url.split('?', 1)[0] !== PATH) return [404, `WebSockets of MQTT are at ${PATH}.`];
  const protocols = String(headers['sec-websocket-protocol'] ?? '').split(',');
  // [MQTT-6.0.0-3]
  if (protocols.some((name) => name.trim() === 'mqtt')) return undefined;
  return [400, 'Ask for the WebSocket subprotocol mqtt (Sec-WebSocket-Protocol: mqtt).'];
}
