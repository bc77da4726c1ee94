import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Identity } from './connection.ts';
import type { FleetTls } from './fleet.ts';

/**
 * Key exchanges that devices of today offer. That of Node's default that withstands quantum computers costs a client 10 KB for as long
 * as it is connected, since OpenSSL keeps the key, and both ends a tenth of the handshake.
 */
const KEY_EXCHANGES = 'X25519:P-256';

/** The context below Node's: what a connection is made with is copied from it when it is made. */
interface NativeContext {
  setCert(pem: string): void;
  setKey(pem: string): void;
}

/**
 * What devices prove themselves with, in one context for all: a context of its own costs each device 35 KB. A connection takes key and
 * certificate from the context when it is made, so that they may be exchanged afterwards.
 *
 * The keys are of one kind, as enrolling makes them: a context has room for one of each kind, and would show the older of two.
 */
export class Proofs {
  /** PEM of the broker's authority; else the well-known ones. */
  readonly #authority: string | undefined;
  #last: { readonly own: Identity | undefined; readonly context: SecureContext } | undefined;

  constructor({ caFile }: FleetTls) {
    this.#authority = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
  }

  /** The context to make the next connection of a device with, good until it is asked for the next. */
  contextFor(own: Identity | undefined): SecureContext {
    if (this.#last && this.#last.own === own) return this.#last.context;
    const context = this.#exchanged(own) ?? this.#made(own);
    this.#last = { own, context };
    return context;
  }

  /** The context of the device before, with this one's proof; `undefined` where there is none yet, or none may stand in it. */
  #exchanged(own: Identity | undefined): SecureContext | undefined {
    if (!this.#last?.own || !own) return undefined;
    const { context } = this.#last;
    const native = context.context as Partial<NativeContext>;
    if (!native.setCert || !native.setKey) return undefined;
    native.setCert(own.cert);
    native.setKey(own.key);
    return context;
  }

  #made(own: Identity | undefined): SecureContext {
    const trusted = this.#authority === undefined ? {} : { ca: this.#authority };
    return createSecureContext({ ...trusted, ...own, ecdhCurve: KEY_EXCHANGES });
  }
}
