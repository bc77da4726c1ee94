import type { Invocation } from '../runtime.ts';

/**
 * The node's end of the channel to an environment; `runtimes/nodejs/channel.js` is the other and has the layout table.
 * Everything that comes in is untrusted: the function can write whatever it likes to its descriptor.
 */
export const KIND = {
  load: 1,
  invoke: 2,
  exec: 3,
  snapshot: 4,
  clone: 5,
  attend: 6,
  prepare: 7,
  ready: 16,
  initialised: 17,
  initError: 18,
  response: 19,
  error: 20,
  log: 21,
  codeCache: 22,
  streamStart: 23,
  streamChunk: 24,
  streamEnd: 25,
  cloneEnded: 26,
  snapshotPart: 27,
} as const;

/** What an environment says. Bodies are views of the received bytes. */
export type Frame =
  | { readonly kind: 'ready' }
  /** `begun`: the invocation that came with the load frame has begun. */
  | { readonly kind: 'initialised'; readonly begun: boolean }
  | { readonly kind: 'init-error'; readonly payload: Uint8Array }
  | { readonly kind: 'response'; readonly sequence: number; readonly memoryKb: number; readonly payload: Uint8Array }
  | {
      readonly kind: 'error';
      readonly sequence: number;
      readonly memoryKb: number;
      readonly fatal: boolean;
      readonly errorType: string;
      readonly payload: Uint8Array;
    }
  | { readonly kind: 'log'; readonly line: string }
  | { readonly kind: 'code-cache'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly kind: 'stream-start'; readonly sequence: number; readonly contentType: string }
  | { readonly kind: 'stream-chunk'; readonly sequence: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'stream-end';
      readonly sequence: number;
      readonly memoryKb: number;
      /** Of the error that broke the response off; empty when it ended well. */
      readonly errorType: string;
      readonly payload: Uint8Array;
    }
  /** `code`: exit code, or the signal, negative. */
  | { readonly kind: 'clone-ended'; readonly code: number; readonly token: string }
  /** Bytes of a snapshot, in order; `last` when there are no more. */
  | { readonly kind: 'snapshot-part'; readonly last: boolean; readonly bytes: Uint8Array };

/** What ends an invocation. */
export type AnswerFrame = Extract<Frame, { kind: 'response' | 'error' | 'stream-end' }>;

/** The bytes are no frame: the channel cannot be trusted any more. */
export class FrameInvalid extends Error {
  override readonly name = 'FrameInvalid';
}

const HEAD_BYTES = 5;
/** Sequence, deadline and four lengths. */
const INVOKE_HEAD_BYTES = 20;
/** Up to here one copy is cheaper than a second buffer in the write. */
const COPY_BYTES_MAX = 16 * 1024;

/** `load` frame: the environment becomes that of one function. */
export function encodeLoad(config: unknown): Buffer {
  return encodeJson(KIND.load, config);
}

/** `prepare` frame: as `load`, which follows without anything in it when the function may run. */
export function encodePrepare(config: unknown): Buffer {
  return encodeJson(KIND.prepare, config);
}

/** `exec` frame: the blank environment becomes another program. */
export function encodeExec(order: unknown): Buffer {
  return encodeJson(KIND.exec, order);
}

/** `attend` frame: the environment reads the channel by events, so that its event loop turns between invocations. */
export function encodeAttend(): Buffer {
  return encodeJson(KIND.attend, {});
}

/** `snapshot` frame: the environment makes a snapshot of the function, initialised, and ends. */
export function encodeSnapshot(config: unknown): Buffer {
  return encodeJson(KIND.snapshot, config);
}

/** What a template is told when it is to fork an environment. */
export interface CloneOrder {
  /** Where the clone connects, and what it says then. */
  readonly address: string;
  readonly token: string;
  /** Nobody waits for it: it may take its time to make itself ready. */
  readonly ahead: boolean;
  /** Its private folder, where it is not to use the template's. */
  readonly directory?: string;
}

/** `clone` frame: the template is to fork an environment. */
export function encodeClone(order: CloneOrder): Buffer {
  return encodeJson(KIND.clone, order);
}

function encodeJson(kind: number, value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value));
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32LE(1 + body.length, 0);
  head[4] = kind;
  return Buffer.concat([head, body]);
}

/**
 * `invoke` frame: its head, and the payload itself where that is too large to be worth copying.
 *
 * @param deadlineMs  epoch milliseconds
 */
export function encodeInvoke(
  sequence: number,
  deadlineMs: number,
  traceHeader: string,
  functionArn: string,
  { requestId, payload, invokedArn = functionArn, clientContext = '' }: Invocation,
): readonly Uint8Array[] {
  const texts = [requestId, traceHeader, invokedArn, clientContext];
  let headBytes = HEAD_BYTES + INVOKE_HEAD_BYTES;
  for (const text of texts) headBytes += Buffer.byteLength(text);
  const copied = payload.length <= COPY_BYTES_MAX;
  const head = Buffer.allocUnsafe(copied ? headBytes + payload.length : headBytes);
  head.writeUInt32LE(headBytes - 4 + payload.length, 0);
  head[4] = KIND.invoke;
  head.writeUInt32LE(sequence, 5);
  head.writeDoubleLE(deadlineMs, 9);
  let at = HEAD_BYTES + INVOKE_HEAD_BYTES;
  texts.forEach((text, index) => {
    const length = head.write(text, at, 'utf8');
    head.writeUInt16LE(length, 17 + 2 * index);
    at += length;
  });
  if (!copied) return [head, payload];
  head.set(payload, at);
  return [head];
}

/** Puts frames together from what the socket gives, without copying those that arrive whole. */
export class FrameReader {
  readonly #bodyBytesMax: number;
  #chunks: Buffer[] = [];
  #have = 0;
  #need = HEAD_BYTES;

  /** @param bodyBytesMax  a frame that says it is larger is refused before it is read */
  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Hands each whole frame to `take`. @throws FrameInvalid */
  push(chunk: Buffer, take: (frame: Frame) => void): void {
    let rest = chunk;
    if (this.#have > 0) {
      this.#chunks.push(chunk);
      this.#have += chunk.length;
      if (this.#have < this.#need) return;
      rest = Buffer.concat(this.#chunks, this.#have);
      this.#chunks = [];
      this.#have = 0;
    }
    while (rest.length >= HEAD_BYTES) {
      const end = 4 + this.#lengthOf(rest);
      if (rest.length < end) {
        this.#need = end;
        break;
      }
      take(decode(rest[4]!, rest.subarray(HEAD_BYTES, end)));
      rest = rest.subarray(end);
    }
    if (rest.length === 0) return;
    if (rest.length < HEAD_BYTES) this.#need = HEAD_BYTES;
    this.#chunks = [rest];
    this.#have = rest.length;
  }

  #lengthOf(bytes: Buffer): number {
    const length = bytes.readUInt32LE(0);
    if (length < 1 || length > this.#bodyBytesMax) throw new FrameInvalid(`a frame of ${length} bytes`);
    return length;
  }
}

function decode(kind: number, body: Buffer): Frame {
  switch (kind) {
    case KIND.ready:
      return { kind: 'ready' };
    case KIND.initialised:
      return { kind: 'initialised', begun: body[0] === 1 };
    case KIND.initError:
      return { kind: 'init-error', payload: body };
    case KIND.response:
      atLeast(body, 8);
      return {
        kind: 'response',
        sequence: body.readUInt32LE(0),
        memoryKb: body.readUInt32LE(4),
        payload: body.subarray(8),
      };
    case KIND.error:
      return decodeError(body);
    case KIND.log:
      return { kind: 'log', line: body.toString('utf8') };
    case KIND.codeCache:
      return decodeCodeCache(body);
    case KIND.streamStart:
      atLeast(body, 4);
      return { kind: 'stream-start', sequence: body.readUInt32LE(0), contentType: body.toString('utf8', 4) };
    case KIND.streamChunk:
      atLeast(body, 4);
      return { kind: 'stream-chunk', sequence: body.readUInt32LE(0), bytes: body.subarray(4) };
    case KIND.streamEnd:
      return decodeStreamEnd(body);
    case KIND.snapshotPart:
      atLeast(body, 1);
      return { kind: 'snapshot-part', last: body[0] === 1, bytes: body.subarray(1) };
    case KIND.cloneEnded:
      atLeast(body, 4);
      return { kind: 'clone-ended', code: body.readInt32LE(0), token: body.toString('latin1', 4) };
    default:
      throw new FrameInvalid(`a frame of kind ${kind}`);
  }
}

function decodeError(body: Buffer): Frame {
  atLeast(body, 10);
  const payloadAt = 10 + body[9]!;
  atLeast(body, payloadAt);
  return {
    kind: 'error',
    sequence: body.readUInt32LE(0),
    memoryKb: body.readUInt32LE(4),
    fatal: body[8] === 1,
    errorType: body.toString('utf8', 10, payloadAt),
    payload: body.subarray(payloadAt),
  };
}

function decodeStreamEnd(body: Buffer): Frame {
  atLeast(body, 9);
  const payloadAt = 9 + body[8]!;
  atLeast(body, payloadAt);
  return {
    kind: 'stream-end',
    sequence: body.readUInt32LE(0),
    memoryKb: body.readUInt32LE(4),
    errorType: body.toString('utf8', 9, payloadAt),
    payload: body.subarray(payloadAt),
  };
}

function decodeCodeCache(body: Buffer): Frame {
  atLeast(body, 2);
  const bytesAt = 2 + body.readUInt16LE(0);
  atLeast(body, bytesAt);
  return { kind: 'code-cache', name: body.toString('utf8', 2, bytesAt), bytes: body.subarray(bytesAt) };
}

function atLeast(body: Buffer, length: number): void {
  if (body.length < length) throw new FrameInvalid(`a frame cut at ${body.length} of ${length} bytes`);
}
