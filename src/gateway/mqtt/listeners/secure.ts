import { hash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type Clock, messageOf } from '../../../base/index.ts';
import type { PeerCertificate } from '../../../services/iot/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { type HandshakeLimits, Handshakes } from './handshakes.ts';
import { type IdentitySource, KeptIdentity } from './identity.ts';

/** Protocols that clients ask for by ALPN, as AWS names them; what they mean is for the listener to say. */
export type Alpn = 'x-amzn-mqtt-ca' | 'mqtt' | 'x-amzn-http-ca' | 'http/1.1';

/** A connection whose handshake is over. */
export interface SecureConnection<Peer> {
  readonly socket: TLSSocket;
  readonly peer: Peer;
  /** Absent when the client has not asked for any. */
  readonly alpn: Alpn | undefined;
  readonly serverName: string | undefined;
  readonly certificate: PeerCertificate | undefined;
}

export interface SecureFrontOptions<Peer> {
  readonly identity: IdentitySource;
  /** What may be asked for by ALPN, the most wanted first; a client that asks for others only is refused in the handshake. */
  readonly alpns: readonly Alpn[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: HandshakeLimits & { readonly identityReloadMs: number };
  readonly secured: (connection: SecureConnection<Peer>) => void;
  /** Told of every handshake that has failed. */
  readonly failed: () => void;
  /** Told of those whose failure was the peer's fault: it has said something, and was not cut off as one of too many. */
  readonly offended: (peer: Peer) => void;
}

/**
 * Does TLS on sockets that a listener has accepted: 1.2 and 1.3, with a client certificate where the client has one. The certificate is
 * proved to be the client's; whether it is known, active and trusted is not decided here.
 */
export class SecureFront<Peer> implements Disposable {
  readonly #options: SecureFrontOptions<Peer>;
  readonly #server: Server;
  readonly #handshakes: Handshakes;
  /** By address and port of the peer: the TLS server does not tell which socket it has secured. */
  readonly #going = new Map<string, { readonly socket: Socket; readonly peer: Peer }>();
  readonly #peers = new WeakMap<Socket, Peer>();
  #identity: KeptIdentity | undefined;
  #isClosed = false;

  private constructor(options: SecureFrontOptions<Peer>) {
    this.#options = options;
    const { clock, limits, alpns } = options;
    const expired = (socket: Socket, isTooSlow: boolean) => {
      if (!isTooSlow) this.#going.delete(nameOf(socket));
      options.failed();
    };
    this.#handshakes = new Handshakes(clock, limits, (socket) => this.#begin(socket), expired);
    this.#server = createServer({
      // Of a client certificate, the handshake proves that the client holds its key; the rest is for who knows the devices.
      requestCert: true,
      rejectUnauthorized: false,
      allowHalfOpen: true,
      // The deadline of ours does not begin anew with every byte, as this one would.
      handshakeTimeout: 0,
      ALPNCallback: ({ protocols }) => alpns.find((alpn) => protocols.includes(alpn)),
    });
    this.#server.on('secureConnection', (socket) => this.#secured(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket));
  }

  /** @throws DomainError `tls-identity-invalid` */
  static async open<Peer>(options: SecureFrontOptions<Peer>): Promise<SecureFront<Peer>> {
    const front = new SecureFront(options);
    const { identity: source, clock, logger, limits } = options;
    front.#identity = await KeptIdentity.open({
      source,
      apply: ({ key, cert }) =>
        // No authorities are loaded, and none are named to clients, who would send no certificate of another.
        front.#server.setSecureContext({ key, cert, ca: [], minVersion: 'TLSv1.2' }),
      clock,
      logger,
      reloadMs: limits.identityReloadMs,
    });
    return front;
  }

  /** Takes a socket that is not read yet; what was put back into it is read first. */
  take(socket: Socket, peer: Peer): void {
    this.#peers.set(socket, peer);
    this.#handshakes.add(socket);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#identity?.[Symbol.dispose]();
    this.#handshakes.close();
  }

  #begin(socket: Socket): void {
    const name = nameOf(socket);
    this.#going.set(name, { socket, peer: this.#peers.get(socket)! });
    socket.once('close', () => this.#closed(socket, name));
    this.#server.emit('connection', socket);
  }

  /** A handshake that is still going on has failed. A balancer that looks whether the port is open says nothing. */
  #closed(socket: Socket, name: string): void {
    const going = this.#going.get(name);
    if (going?.socket !== socket) return;
    this.#going.delete(name);
    if (socket.bytesRead > 0 && !this.#isClosed) this.#options.offended(going.peer);
  }

  #secured(socket: TLSSocket): void {
    const name = nameOf(socket);
    const going = this.#going.get(name);
    // The client has gone in the same moment.
    if (!going) return void socket.destroy();
    this.#going.delete(name);
    this.#handshakes.settled(going.socket);
    const { alpnProtocol, servername } = socket as TLSSocket & { readonly servername: string | false | null };
    this.#options.secured({
      socket,
      peer: going.peer,
      alpn: alpnProtocol ? (alpnProtocol as Alpn) : undefined,
      serverName: servername || undefined,
      certificate: certificateOf(socket),
    });
  }

  #failed(error: Error, socket: TLSSocket): void {
    this.#options.failed();
    this.#options.logger.debug('tls handshake failed', { reason: messageOf(error) });
    socket.destroy();
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  const der = certificate.raw;
  return { der, certificateId: hash('sha256', der, 'hex') };
}
