import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { DirectWriter, messageOf, readShared } from '../../base/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { Invocation, Metering } from '../runtime.ts';
import type { SandboxProcess } from '../sandbox/sandbox.ts';
import { type AnswerFrame, type Frame, FrameReader } from './frames.ts';
import type { Failure } from './life-cycle.ts';
import { LineReader } from './lines.ts';
import type { FirstInvocation, LoadConfig } from './load-config.ts';
import type { Ending } from './report.ts';

/** Who is told what a process says. */
export interface ConnectionListener {
  onFrame(frame: Frame): void;
  /** An answer whose frame is held back while extensions are at work on the invocation: what follows does not change it. */
  onAnswer?(frame: AnswerFrame): void;
  /** A line that the process, or one that it started, wrote past the channel. */
  onOutput(line: string): void;
  /** It ended, or broke the rules of the channel. Called once; nothing follows. */
  onEnd(failure: Failure): void;
}

/** Why an environment is ended, as extensions are told. */
export type EndReason = 'spindown' | 'timeout' | 'failure';

/** The way to what runs the code of one environment, whatever it speaks. */
export interface RuntimeConnection {
  readonly process: SandboxProcess;
  readonly ready: boolean;
  /** How long extensions went on after the answer that was handed over last, where they are told of invocations. */
  readonly extensionsMs: number | undefined;
  listen(listener: ConnectionListener): void;
  /** As {@link load}, which follows with the same, but that the code is not run yet: the function does not have its place. */
  prepare(config: LoadConfig, first?: FirstInvocation): void;
  /** @param first  may begin with the end of init, see {@link begun} */
  load(config: LoadConfig, first?: FirstInvocation): void;
  /** @param deadlineMs  epoch milliseconds */
  invoke(sequence: number, deadlineMs: number, functionArn: string, invocation: Invocation): void;
  /** As {@link invoke}, of the first invocation, which the process has begun. */
  begun(sequence: number, deadlineMs: number, functionArn: string, invocation: Invocation): void;
  /** Reads no more of a streamed response until `taken` has settled. */
  hold(taken: Promise<void>): void;
  /**
   * An invocation's time is up. @returns true when its answer was there and something else is late: the answer has been handed
   *   over, and the failure has been told
   */
  overdue(sequence: number): boolean;
  /** Ends the process, at once or after those have been told who asked for it. Nothing that it says counts any more. */
  end(reason: EndReason): void;
  /** What the platform says of an invocation that is over. */
  report(invocation: Invocation, metering: Metering, succeeded: boolean, ending?: Ending): void;
}

const LINE_LENGTH_MAX = RUNTIME_LIMITS.logLineBytesMax;
const FRAME_BYTES_MAX = Math.max(RUNTIME_LIMITS.responseBytesMax, RUNTIME_LIMITS.codeCacheBytesMax) + 1024;

/**
 * A started process and the channel to it. Until somebody listens it is a blank environment: it may say that it is ready, and
 * nothing else.
 */
export class Connection {
  readonly process: SandboxProcess;
  /** The process has said that it waits for code. */
  ready = false;
  /** Why it ended, once it has. */
  ended: Failure | undefined;
  #listener: ConnectionListener | undefined;
  /** Takers of streamed responses that are behind: nothing is read until there is none. */
  #held = 0;
  /** Once the process has said something: before that its end of the channel may still be somebody else's. */
  #direct: DirectWriter | undefined;
  readonly #onBlankChange: () => void;

  /** @param onBlankChange  called when the process becomes ready or ends while nobody listens yet */
  constructor(process: SandboxProcess, onBlankChange: () => void) {
    this.process = process;
    this.#onBlankChange = onBlankChange;
    const reader = new FrameReader(FRAME_BYTES_MAX);
    const take = (frame: Frame) => this.#take(frame);
    const received = (chunk: Buffer) => {
      if (this.ended) return;
      try {
        reader.push(chunk, take);
      } catch (error) {
        this.#end({ kind: 'broken', reason: messageOf(error) });
      }
    };
    const { channel } = process;
    // What frames hold is kept beyond the read: most are so small that a copy costs less than a buffer for each read.
    if (!readShared(channel, (chunk) => received(Buffer.from(chunk)))) channel.on('data', received);
    // Reset when the process dies with bytes unread; its exit says the rest.
    channel.on('error', () => {});
    for (const output of process.outputs) readLines(output, (line) => this.#listener?.onOutput(line));
    void process.exited.then(({ code, signal }) =>
      this.#end(process.outOfMemory ? { kind: 'out-of-memory' } : { kind: 'exit', code, signal }),
    );
  }

  /** From now on the process belongs to `listener`. Tells it at once of an end that has already come. */
  listen(listener: ConnectionListener): void {
    this.#listener = listener;
    if (this.ended) listener.onEnd(this.ended);
  }

  /** Writes the parts of one frame, in one system call where they fit the socket. */
  send(parts: readonly Uint8Array[]): void {
    const { channel } = this.process;
    if (!channel.writable) return;
    if (parts.length === 1) return this.#write(parts[0]!);
    channel.cork();
    for (const part of parts) channel.write(part);
    channel.uncork();
  }

  /** Reads nothing more from the process until `taken` has settled; frames that have been read already still come. */
  hold(taken: Promise<void>): void {
    this.#held++;
    this.process.channel.pause();
    const release = () => {
      if (--this.#held === 0) this.process.channel.resume();
    };
    taken.then(release, release);
  }

  /** Ends the process. Its channel is read to its end, whoever is behind: a process is gone only when all has been read. */
  kill(): void {
    this.process.kill();
    if (this.#held === 0) return;
    this.#held = Number.POSITIVE_INFINITY;
    this.process.channel.resume();
  }

  #write(part: Uint8Array): void {
    const taken = this.#direct?.write(part) ?? 0;
    if (taken < part.byteLength) this.process.channel.write(taken === 0 ? part : part.subarray(taken));
  }

  #take(frame: Frame): void {
    if (this.ended) return;
    this.#direct ??= new DirectWriter(this.process.channel);
    if (this.#listener) return this.#listener.onFrame(frame);
    if (frame.kind === 'log') return;
    if (frame.kind !== 'ready' || this.ready) {
      return this.#end({ kind: 'broken', reason: `unexpected ${frame.kind} of a blank environment` });
    }
    this.ready = true;
    this.#onBlankChange();
  }

  #end(failure: Failure): void {
    if (this.ended) return;
    this.ended = failure;
    this.kill();
    if (this.#listener) this.#listener.onEnd(failure);
    else this.#onBlankChange();
  }
}

/** Calls `take` for each line, in pieces where it is too long, and for what stands after the last line end. */
function readLines(stream: Readable, take: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  const lines = new LineReader(LINE_LENGTH_MAX, take);
  stream.on('data', (chunk: Buffer) => lines.push(decoder.write(chunk)));
  stream.on('end', () => lines.end());
  stream.on('error', () => {});
}
