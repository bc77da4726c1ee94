import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns';
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps, type RequestOptions as TlsOptions } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { DomainError, onAbort } from '../base/index.ts';
import type { EgressGuard } from './connection.ts';

/** Numbers of connections to other servers (S5). */
export const OUTGOING_LIMITS = {
  connectionsPerHostMax: 64,
  idleConnectionsPerHostMax: 8,
  connectionsMax: 1024,
  /** When there are more, none is kept that is not used: one that rests must not take the place of one that is needed. */
  connectionsKeptMax: 512,
  /** A connection that is not used is closed after. */
  idleMsMax: 30_000,
} as const;

/** Finds the addresses of a name, as `lookup` of `node:dns` does. */
type LookupAll = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Requests to other servers: connects to no address that the guard refuses, and verifies certificates. Each ends with a response or
 * an `error`, whatever the server says.
 */
export class Outgoing implements Disposable {
  readonly #egress: EgressGuard | undefined;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;
  readonly #lookupAll: LookupAll;
  /** Names that are being looked up. */
  readonly #lookups = new Map<string, Promise<readonly LookupAddress[]>>();

  /** @param ca  PEM, beside the roots that Node knows */
  constructor(egress: EgressGuard | undefined, ca?: string, lookupAll: LookupAll = lookup) {
    this.#egress = egress;
    this.#lookupAll = lookupAll;
    const options = {
      keepAlive: true,
      maxSockets: OUTGOING_LIMITS.connectionsPerHostMax,
      maxFreeSockets: OUTGOING_LIMITS.idleConnectionsPerHostMax,
      maxTotalSockets: OUTGOING_LIMITS.connectionsMax,
      timeout: OUTGOING_LIMITS.idleMsMax,
    };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(ca === undefined ? options : { ...options, ca: [...rootCertificates, ca] });
    for (const agent of [this.#http, this.#https]) keepFew(agent);
  }

  /**
   * Begins a request; `cert` and `key` are shown to a server that asks for them.
   * @throws the reason of a signal that has fired; DomainError `egress-refused`; for a name, the request fails with it
   */
  request(
    url: URL,
    options: Pick<RequestOptions, 'method' | 'headers' | 'signal'> & Pick<TlsOptions, 'cert' | 'key'>,
    onResponse: (response: IncomingMessage) => void,
  ): ClientRequest {
    options.signal?.throwIfAborted();
    const secure = url.protocol === 'https:';
    const port = portOf(url.protocol, url.port);
    // An address in the URL is not looked up.
    const address = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0) this.#check(url.hostname, address, port);
    const agent = secure ? this.#https : this.#http;
    const all = { ...options, agent, lookup: this.#lookup(port) };
    const request = (secure ? requestHttps : requestHttp)(url, all, onResponse);
    // Else nobody would hear of it: neither a response nor an error follows, nor does the signal end it any more.
    request.on('upgrade', ({ statusCode }, socket) => {
      socket.destroy();
      const message = `the server changes the protocol (HTTP status ${statusCode}), which nobody has asked for`;
      request.emit('error', new DomainError('http-upgraded', message, { remedy: 'retry' }));
    });
    if (options.signal) endInQueue(request, options.signal);
    return request;
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #check(host: string, address: string, port: number): void {
    const reason = this.#egress?.refuse(host, address, port);
    if (reason !== undefined) throw new DomainError('egress-refused', reason);
  }

  /** Asks for all addresses of a name and keeps those that may be called: what is connected to is what was checked. */
  #lookup(port: number): LookupFunction {
    return (host, options, callback) => {
      const found = this.#addressesOf(host, { ...options, all: true });
      found
        .then((addresses) => this.#allowed(host, addresses, port))
        .then(
          (allowed) => {
            if (options.all) callback(null, allowed);
            else callback(null, allowed[0]!.address, allowed[0]!.family);
          },
          (error: NodeJS.ErrnoException) => callback(error, '', 0),
        );
    };
  }

  /**
   * The system looks up two names at a time, each for as long as its server takes, and cannot be told to stop: whoever asks for a
   * name that is looked up already waits for that, so that calls to one that nobody answers for hold up no other name.
   */
  #addressesOf(host: string, options: LookupAllOptions): Promise<readonly LookupAddress[]> {
    const key = `${host} ${options.family} ${options.hints}`;
    const known = this.#lookups.get(key);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<readonly LookupAddress[]>();
    this.#lookups.set(key, promise);
    this.#lookupAll(host, options, (error, addresses) => {
      this.#lookups.delete(key);
      if (error) reject(error);
      else resolve(addresses);
    });
    return promise;
  }

  #allowed(host: string, addresses: readonly LookupAddress[], port: number): LookupAddress[] {
    let refusal: unknown;
    const allowed = addresses.filter(({ address }) => {
      try {
        this.#check(host, address, port);
        return true;
      } catch (error) {
        refusal = error;
        return false;
      }
    });
    if (allowed.length === 0 && refusal) throw refusal;
    return allowed;
  }
}

/** A request that waits for a connection hears of its end only when it gets one. */
function endInQueue(request: ClientRequest, signal: AbortSignal): void {
  const forget = onAbort(signal, (reason) => {
    if (!request.socket) request.emit('error', reason);
  });
  request.once('socket', forget);
}

/** An agent that has all its connections lets a call to another host wait until one that rests has timed out. */
function keepFew(agent: HttpAgent): void {
  const keep = agent.keepSocketAlive;
  agent.keepSocketAlive = (socket) => {
    const { totalSocketCount } = agent as unknown as { readonly totalSocketCount: number };
    return totalSocketCount <= OUTGOING_LIMITS.connectionsKeptMax && (keep.call(agent, socket) as unknown as boolean);
  };
}

function portOf(protocol: string, port: string): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}
