import type { PlainHead, PlainMethod } from '../../codec/http/index.ts';
import { aborted } from '../body-errors.ts';
import type { CallRequest } from '../call.ts';
import { WIRE_LIMITS } from '../limits.ts';
import { HeldBody } from './held-body.ts';
import { type Flow, PassingBody } from './passing-body.ts';

/** Where a request comes from, and how more of it is read. */
export interface RequestOwner extends Flow {
  readonly socket: CallRequest['socket'];
}

/** A request of the fast lane: its head is there, of its body what has come with it or since. */
export class LaneRequest implements CallRequest {
  readonly method: PlainMethod;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly rawHeaders: readonly string[];
  readonly httpVersionMajor = 1;
  readonly socket: CallRequest['socket'];
  readonly body: HeldBody | PassingBody;

  /** @param first  what has come of the body, at most all of it */
  constructor({ method, url, headers, rawHeaders, bodyBytes }: PlainHead, first: Buffer, owner: RequestOwner) {
    this.socket = owner.socket;
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    const passes = method === 'PUT' && bodyBytes > WIRE_LIMITS.laneHeldPutBytesMax;
    this.body = passes ? new PassingBody(bodyBytes, first, owner) : new HeldBody(bodyBytes, first);
  }

  get complete(): boolean {
    return this.body.complete;
  }

  /** Takes back the memory of a piece of the body that nobody needs any more. */
  reuse(memory: ArrayBufferLike): void {
    if (this.body instanceof PassingBody) this.body.reuse(memory);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.body[Symbol.asyncIterator]();
  }

  /** Its client is gone: of a body that has not come whole there is no more. */
  abort(): void {
    if (!this.complete) this.body.giveUp(aborted());
  }

  /** It is answered: what is left of its body nobody reads. */
  drop(): void {
    // A short one that is there whole is simply forgotten.
    if (this.body instanceof PassingBody) this.body.giveUp(aborted());
    else this.abort();
  }
}
