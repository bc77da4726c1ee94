import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Clock, DomainError } from '../../base/index.ts';
import type { Counter } from '../../telemetry/index.ts';
import type { Door, SandboxEngine } from '../sandbox/sandbox.ts';
import type { Launch } from './launch.ts';

/** Where X-Ray's daemon listens. */
const PORT = 2000;
export const SEGMENT_DOOR = 'xray';

/** Numbers of the doors for X-Ray's segments (S5). */
export const SEGMENT_DOOR_LIMITS = {
  /** Datagrams a second from one sandbox, and as many at once: each subsegment is one. A sandbox that sends more loses its door. */
  perSecondMax: 5_000,
} as const;

export interface SegmentDoorOptions {
  readonly engine: SandboxEngine;
  /** Takes one datagram. Never throws. */
  readonly take: (datagram: Buffer) => void;
  readonly clock: Clock;
  /** Counts what is not taken. */
  readonly dropped: Counter;
}

/**
 * The door through which functions send X-Ray's segments, as they would to its daemon. A function has it that is traced, in a pool of
 * blank environments of its own: the others pay nothing for it. Where sandboxes have no network of their own, one socket serves all.
 */
export class SegmentDoor implements Disposable {
  readonly #options: SegmentDoorOptions;
  readonly #socket: Socket | undefined;
  readonly #door: Door;
  readonly #fitted = new WeakMap<Launch, Launch>();

  private constructor(options: SegmentDoorOptions, socket: Socket | undefined) {
    this.#options = options;
    this.#socket = socket;
    const hostAddress = socket && `127.0.0.1:${socket.address().port}`;
    this.#door = { name: SEGMENT_DOOR, port: PORT, protocol: 'udp', ...(hostAddress && { hostAddress }) };
    const take = this.taker();
    socket?.on('message', take);
  }

  /** @throws DomainError `segments-not-received`  (rejects) no port is free */
  static async open(options: SegmentDoorOptions): Promise<SegmentDoor> {
    if (options.engine === 'namespace') return new SegmentDoor(options, undefined);
    const socket = createSocket('udp4').unref();
    try {
      socket.bind({ port: 0, address: '127.0.0.1' });
      await once(socket, 'listening');
    } catch (cause) {
      socket.close();
      throw new DomainError('segments-not-received', 'no port of loopback is free for X-Ray segments', { cause });
    }
    socket.on('error', () => {});
    return new SegmentDoor(options, socket);
  }

  /** A launch whose environments have the door. */
  fit(launch: Launch): Launch {
    let fitted = this.#fitted.get(launch);
    if (!fitted) {
      fitted = { ...launch, key: `${launch.key} traced`, doors: [...(launch.doors ?? []), this.#door] };
      this.#fitted.set(launch, fitted);
    }
    return fitted;
  }

  /** What takes the datagrams of one sandbox. */
  taker(): (datagram: Buffer) => boolean {
    const { clock, take, dropped } = this.#options;
    let second = 0;
    let count = 0;
    return (datagram) => {
      const now = Math.floor(clock.monotonic() / 1000);
      if (now !== second) {
        second = now;
        count = 0;
      }
      if (++count > SEGMENT_DOOR_LIMITS.perSecondMax) {
        dropped.add();
        return false;
      }
      take(datagram);
      return true;
    };
  }

  [Symbol.dispose](): void {
    this.#socket?.close();
  }
}
