import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Clock, DomainError, messageOf } from '../../../base/index.ts';
import type { ProxyHeader } from '../../../codec/proxy/index.ts';
import type { Arrival } from '../../../services/iot/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { MqttLimits } from '../limits.ts';
import type { IdentitySource } from './identity.ts';
import type { Networks } from './networks.ts';
import { awaitProxyHeader } from './proxied.ts';
import { type Alpn, type SecureConnection, SecureFront } from './secure.ts';

/**
 * A TCP port that devices come in by.
 * - `mqtt`: MQTT in plain;
 * - `mqtts`: MQTT over TLS, as AWS has it on 8883;
 * - `https`: over TLS, MQTT for those who ask for it by ALPN (`x-amzn-mqtt-ca`, `mqtt`), else HTTP: WebSockets and publishing. What AWS
 *   has on 443 and on 8443.
 */
export interface ListenerOptions {
  readonly kind: ListenerKind;
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
}

export type ListenerKind = 'mqtt' | 'mqtts' | 'https';

export interface ListenerAddress {
  readonly kind: ListenerKind;
  readonly host: string;
  readonly port: number;
}

/** Where a listener leads to. */
export interface Entrance {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: MqttLimits;
  /** Those whose connections begin with a PROXY header. */
  readonly proxies: Networks;
  /** Of the TLS listeners. */
  readonly identity: IdentitySource | undefined;
  /** Counts a socket until it closes; false when it must be closed at once: there are too many, or the server goes. */
  counts(socket: Socket): boolean;
  /** False for addresses that are banned. */
  admits(remoteAddress: string | undefined): boolean;
  /** A connection was closed before it said a word of MQTT or HTTP. */
  refused(): void;
  /** That was the fault of who has come from there. */
  offended(remoteAddress: string | undefined): void;
  /** A connection that speaks MQTT. */
  mqtt(socket: Socket, arrival: Arrival): void;
  /** A connection that speaks HTTP. */
  http(socket: Socket, arrival: Arrival): void;
}

/** What is known of a connection before TLS. */
type Peer = Pick<Arrival, 'remoteAddress' | 'isEncrypted' | 'serverName'>;

const ALPNS: Readonly<Record<Exclude<ListenerKind, 'mqtt'>, readonly Alpn[]>> = {
  mqtts: ['x-amzn-mqtt-ca', 'mqtt'],
  https: ['x-amzn-mqtt-ca', 'mqtt', 'x-amzn-http-ca', 'http/1.1'],
};

/** How long a connection is silent before the kernel asks whether its peer is still there. */
const KEEP_ALIVE_MS = 60_000;

export class Listener {
  readonly #kind: ListenerKind;
  readonly #entrance: Entrance;
  readonly #server: Server;
  readonly #front: SecureFront<Peer> | undefined;

  private constructor(kind: ListenerKind, entrance: Entrance, front: SecureFront<Peer> | undefined) {
    this.#kind = kind;
    this.#entrance = entrance;
    this.#front = front;
    this.#server = createServer({
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      // A client may close its side and still get our last packets.
      allowHalfOpen: true,
      // What is to do TLS is read by it, in its turn.
      pauseOnConnect: front !== undefined,
    });
  }

  /** @throws DomainError `listen-failed`  the port is taken or not allowed; `tls-identity-invalid` */
  static async open({ kind, host, port }: ListenerOptions, entrance: Entrance): Promise<Listener> {
    const { identity, clock, logger, limits } = entrance;
    let listener: Listener;
    if (kind === 'mqtt') listener = new Listener(kind, entrance, undefined);
    else {
      if (!identity) throw new DomainError('tls-identity-invalid', 'a TLS listener needs a key and a certificate');
      const front = await SecureFront.open<Peer>({
        identity,
        alpns: ALPNS[kind],
        clock,
        logger,
        limits,
        secured: (connection) => listener.#secured(connection),
        failed: () => entrance.refused(),
        offended: ({ remoteAddress }) => entrance.offended(remoteAddress),
      });
      listener = new Listener(kind, entrance, front);
    }
    await listener.#listen(host, port);
    return listener;
  }

  get address(): ListenerAddress {
    const { address, port } = this.#server.address() as AddressInfo;
    return { kind: this.#kind, host: address, port };
  }

  /** Accepts no more, and destroys what is in a handshake. Connections that were handed on stay. */
  close(): void {
    this.#server.close();
    this.#front?.[Symbol.dispose]();
  }

  async #listen(host: string, port: number): Promise<void> {
    const { logger } = this.#entrance;
    const name = this.#kind === 'https' ? 'HTTPS for devices' : this.#kind === 'mqtts' ? 'MQTT over TLS' : 'MQTT';
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ host, port, backlog: this.#entrance.limits.backlogMax }, resolve);
      });
    } catch (error) {
      this.#front?.[Symbol.dispose]();
      const message = `${name} cannot listen on ${host}:${port}: ${messageOf(error)}`;
      throw new DomainError('listen-failed', message, { cause: error });
    }
    haveInherited(this.#server);
    this.#server.removeAllListeners('error');
    this.#server.on('error', (error) => logger.error('mqtt listener failed', { listener: this.#kind, error }));
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  #accept(socket: Socket): void {
    const { proxies, clock, limits, logger } = this.#entrance;
    if (!this.#entrance.counts(socket)) return this.#refuse(socket);
    const { remoteAddress } = socket;
    if (!proxies.has(remoteAddress)) return this.#enter(socket, { remoteAddress, isEncrypted: false });
    awaitProxyHeader(
      socket,
      clock,
      limits.handshakeTimeoutMs,
      (header) => this.#enter(socket, told(header, remoteAddress)),
      (reason) => {
        this.#entrance.refused();
        logger.warn('connection of a proxy refused', { remoteAddress, reason: messageOf(reason) });
      },
    );
  }

  #enter(socket: Socket, peer: Peer): void {
    if (!this.#entrance.admits(peer.remoteAddress)) return this.#refuse(socket);
    if (this.#front) return this.#front.take(socket, peer);
    this.#entrance.mqtt(socket, peer);
    if (socket.isPaused()) socket.resume();
  }

  #secured({ socket, peer, alpn, serverName, certificate }: SecureConnection<Peer>): void {
    const arrival: Arrival = {
      remoteAddress: peer.remoteAddress,
      isEncrypted: true,
      ...(certificate && { certificate }),
      ...(serverName !== undefined && { serverName }),
    };
    if (isMqtt(this.#kind, alpn)) this.#entrance.mqtt(socket, arrival);
    else this.#entrance.http(socket, arrival);
  }

  #refuse(socket: Socket): void {
    this.#entrance.refused();
    socket.destroy();
  }
}

/** What Node keeps of a server that listens. */
interface ServerParts {
  readonly _handle: { setNoDelay(on: boolean): number; setKeepAlive(on: boolean, seconds: number): number };
  noDelay: boolean;
  keepAlive: boolean;
}

/**
 * Sets the options of sockets where they listen, and no more on each: Linux has those that are accepted begin with them, and five calls
 * of the system for each connection are spared. Elsewhere they stay as they were asked for.
 */
function haveInherited(server: Server): void {
  const parts = server as unknown as ServerParts;
  const { _handle: handle } = parts;
  if (process.platform !== 'linux' || handle?.setNoDelay === undefined || handle.setKeepAlive === undefined) return;
  if (handle.setNoDelay(true) === 0) parts.noDelay = false;
  if (handle.setKeepAlive(true, KEEP_ALIVE_MS / 1000) === 0) parts.keepAlive = false;
}

function isMqtt(kind: ListenerKind, alpn: Alpn | undefined): boolean {
  if (alpn === undefined) return kind === 'mqtts';
  return alpn === 'x-amzn-mqtt-ca' || alpn === 'mqtt';
}

/** Where the proxy speaks for itself, it is the peer. */
function told({ sourceAddress, isEncrypted, authority }: ProxyHeader, proxyAddress: string | undefined): Peer {
  return {
    remoteAddress: sourceAddress ?? proxyAddress,
    isEncrypted,
    ...(authority !== undefined && { serverName: authority }),
  };
}
