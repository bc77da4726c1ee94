import { type LookupAddress, lookup } from 'node:dns';
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
import { DomainError } from '../base/index.ts';
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

/** Requests to other servers: connects to no address that the guard refuses, and verifies certificates. */
export class Outgoing implements Disposable {
  readonly #egress: EgressGuard | undefined;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  /** @param ca  PEM, beside the roots that Node knows */
  constructor(egress: EgressGuard | undefined, ca?: string) {
    this.#egress = egress;
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

  /** Begins a request; `cert` and `key` are shown to a server that asks for them. @throws DomainError `egress-refused`; for a name, the request fails with it */
  request(
    url: URL,
    options: Pick<RequestOptions, 'method' | 'headers' | 'signal'> & Pick<TlsOptions, 'cert' | 'key'>,
    onResponse: (response: IncomingMessage) => void,
  ): ClientRequest {
    const secure = url.protocol === 'https:';
    const port = portOf(url.protocol, url.port);
    // An address in the URL is not looked up.
    const address = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0) this.#check(url.hostname, address, port);
    const agent = secure ? this.#https : this.#http;
    const all = { ...options, agent, lookup: this.#lookup(port) };
    return (secure ? requestHttps : requestHttp)(url, all, onResponse);
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
      lookup(host, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, '', 0);
        try {
          const allowed = this.#allowed(host, addresses, port);
          if (options.all) return callback(null, allowed);
          return callback(null, allowed[0]!.address, allowed[0]!.family);
        } catch (refused) {
          return callback(refused as NodeJS.ErrnoException, '', 0);
        }
      });
    };
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
