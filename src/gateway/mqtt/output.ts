import { DirectWriter } from '../../base/index.ts';
import type * as mqtt from '../../codec/mqtt/index.ts';
import type { Counter } from '../../telemetry/index.ts';
import type { WaitingBudget } from './budget.ts';
import { ackTail } from './reason-texts.ts';
import type { OutboundAliases } from './topic-aliases.ts';
import type { Transport } from './transport.ts';

/** Most turns write less than this to a socket: one buffer, used again and again as long as the kernel takes it whole. */
const SCRATCH_BYTES = 64 * 1024;

let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

const PUBACK = 0x40;
const PUBREC = 0x50;
/** Set in an acknowledgement that is a PUBREC: the first answer at QoS 2. */
export const AS_PUBREC = 1 << 24;
/** An acknowledgement says success in four bytes; a reason comes behind them. */
const ACK_BYTES = 4;

const NO_FRAME: mqtt.PublishFrame = { bytes: Buffer.alloc(0), packetIdAt: 0, queues: 0 };

/**
 * What has gathered for one socket. Used again and again: the arrays keep their length, since V8 throws away the memory of one that is cut
 * to none, and each has to grow anew.
 */
class Batch {
  readonly acks: number[] = [];
  ackCount = 0;
  readonly frames: mqtt.PublishFrame[] = [];
  /** Packet identifier of the frame at the same index; 0 leaves it as it is. */
  readonly ids: number[] = [];
  frameCount = 0;

  /** Lets go of the frames. */
  clear(): void {
    for (let i = 0; i < this.frameCount; i++) this.frames[i] = NO_FRAME;
    this.ackCount = 0;
    this.frameCount = 0;
  }
}

const NO_FRAMES: readonly mqtt.PublishFrame[] = [];

/** The frames that the scratch buffer holds, if it holds nothing else; a fan-out writes the same to socket after socket. */
let lastFilled = NO_FRAMES;

function isLastFilled({ frames, frameCount, ackCount }: Batch): boolean {
  if (ackCount > 0 || frameCount !== lastFilled.length) return false;
  for (let i = 0; i < frameCount; i++) if (frames[i] !== lastFilled[i]) return false;
  return true;
}

/** Frames with identifiers differ from client to client, though they are the same objects. */
function remember({ frames, frameCount, ackCount }: Batch): void {
  lastFilled = NO_FRAMES;
  if (ackCount > 0 || frameCount > FREE_LENGTH_MAX) return;
  for (let i = 0; i < frameCount; i++) if (frames[i]!.packetIdAt > 0) return;
  lastFilled = frames.slice(0, frameCount);
}

/** Batches to be used again: as many as sockets are written in a busy turn, none of them grown large. */
const free: Batch[] = [];
const FREE_MAX = 1_024;
const FREE_LENGTH_MAX = 256;

export interface OutputOwner {
  /** The socket has sent all that it could not take at once. */
  drained(): void;
}

/** How much may wait for a peer. */
export interface OutputRoom {
  /** In one output, whatever else there is. */
  readonly bytesMax: number;
  /** What all have together. */
  readonly budget: WaitingBudget;
}

/**
 * What is to be written to one socket in this turn of the event loop, and written at once at its end.
 * While the peer does not read, what comes is kept here: frames of a fan-out are shared, so that a stalled client holds
 * references, up to the limits of its session.
 */
export class Output {
  readonly #socket: Transport;
  readonly #sent: Counter;
  /** What has gathered; a connection that is silent has none. */
  #batch: Batch | undefined;
  /** Acknowledgements of refused messages say why in words too. Set before the first one. */
  isExplaining = false;
  /** Topic aliases of this connection, where the client allows them. */
  aliases: OutboundAliases | undefined;
  #bytes = 0;
  #isBlocked = false;
  /** The last write was not taken at once, as with TLS none is: the next ones get memory of their own. */
  #isSlow = false;
  readonly #direct: DirectWriter;
  readonly #owner: OutputOwner;
  readonly #room: OutputRoom;
  /** Bytes of it that the budget knows of: those of a peer that does not read. */
  #counted = 0;
  #hasEnded = false;
  #written: (() => void) | undefined;

  constructor(socket: Transport, sent: Counter, owner: OutputOwner, room: OutputRoom) {
    this.#socket = socket;
    this.#sent = sent;
    this.#direct = new DirectWriter(socket);
    this.#owner = owner;
    this.#room = room;
  }

  /** The peer does not read: nothing is written until it does. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Bytes that wait here and in the socket. */
  get queuedBytes(): number {
    // A socket that has taken all it was given holds none.
    return this.#isBlocked ? this.#bytes + this.#socket.writableLength : this.#bytes;
  }

  /** More may be written: for a peer that does not read as much as is free of what all have, so that many leave room to each other. */
  get hasRoom(): boolean {
    const { bytesMax, budget } = this.#room;
    if (!this.#isBlocked) return this.#bytes < bytesMax;
    return this.queuedBytes < Math.min(bytesMax, budget.free);
  }

  /**
   * Acknowledges a PUBLISH; acknowledgements go before other packets, in their own order [MQTT-4.6.0-2].
   *
   * @param ack  the packet identifier, a reason code of MQTT 5 in the eight bits above it, and {@link AS_PUBREC}
   */
  acknowledge(ack: number): void {
    const batch = this.#gather();
    batch.acks[batch.ackCount++] = ack;
    const reasonCode = (ack >>> 16) & 0xff;
    this.#bytes += reasonCode === 0 ? ACK_BYTES : ACK_BYTES + ackTail(reasonCode, this.isExplaining).length;
  }

  packet(bytes: Buffer): void {
    this.frame({ bytes, packetIdAt: 0, queues: 0 }, 0);
  }

  /** A PUBLISH; `packetId` is filled in where it has one. */
  publish(frame: mqtt.PublishFrame, packetId: number): void {
    this.frame(this.aliases ? this.aliases.apply(frame) : frame, packetId);
  }

  frame(frame: mqtt.PublishFrame, packetId: number): void {
    const batch = this.#gather();
    batch.frames[batch.frameCount] = frame;
    batch.ids[batch.frameCount++] = packetId;
    this.#bytes += frame.bytes.length;
  }

  /** Writes what has gathered, in one write; nothing while the socket still has something to send. */
  flush(): void {
    if (!this.#isBlocked) this.#write();
    if (this.#isBlocked) this.#count(this.queuedBytes);
  }

  /** Writes what has gathered, whatever the socket still has, and ends it. */
  end(): void {
    this.#write();
    this.#socket.end();
    this.forget();
  }

  /** It is over, or soon will be: what waits is nobody's any more. */
  forget(): void {
    this.#count(0);
    this.#hasEnded = true;
  }

  #count(bytes: number): void {
    if (bytes === this.#counted || this.#hasEnded) return;
    this.#room.budget.change(bytes - this.#counted);
    this.#counted = bytes;
  }

  #gather(): Batch {
    this.#batch ??= free.pop() ?? new Batch();
    return this.#batch;
  }

  #write(): void {
    const batch = this.#batch;
    if (batch === undefined || !this.#socket.writable) return;
    const size = this.#bytes;
    const isShared = size <= SCRATCH_BYTES && !this.#isSlow;
    const buffer = isShared ? scratch : Buffer.allocUnsafe(size);
    if (!isShared) this.#fill(buffer, batch);
    else if (!isLastFilled(batch)) {
      this.#fill(buffer, batch);
      remember(batch);
    }
    this.#recycle(batch);
    this.#sent.add(size);
    this.#send(buffer, size);
    if (!this.#isSlow) return;
    this.#isBlocked = true;
    // The kernel has not taken all: the buffer belongs to the socket now.
    if (isShared) {
      scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
      lastFilled = NO_FRAMES;
    }
  }

  #send(buffer: Buffer, size: number): void {
    const taken = this.#direct.write(buffer, size);
    this.#isSlow = taken < size && this.#wait(buffer.subarray(taken, size));
  }

  /** Leaves bytes to the stream; false when it has sent them at once. */
  #wait(bytes: Buffer): boolean {
    this.#written ??= () => this.#taken();
    this.#socket.write(bytes, this.#written);
    return this.#socket.writableLength > 0;
  }

  #taken(): void {
    if (!this.#isBlocked || this.#socket.writableLength > 0) return;
    this.#isBlocked = false;
    this.#count(0);
    this.#owner.drained();
  }

  #recycle(batch: Batch): void {
    this.#batch = undefined;
    this.#bytes = 0;
    const isLarge = batch.frames.length > FREE_LENGTH_MAX || batch.acks.length > FREE_LENGTH_MAX;
    if (isLarge || free.length >= FREE_MAX) return;
    batch.clear();
    free.push(batch);
  }

  /** Puts the reason behind an acknowledgement that ends at `at`; its length. */
  #explain(buffer: Buffer, at: number, reasonCode: number): number {
    const tail = ackTail(reasonCode, this.isExplaining);
    buffer[at - ACK_BYTES + 1] = 2 + tail.length;
    return tail.copy(buffer, at);
  }

  #fill(buffer: Buffer, { acks, ackCount, frames, frameCount, ids }: Batch): void {
    let at = 0;
    for (let i = 0; i < ackCount; i++) {
      const ack = acks[i]!;
      const reasonCode = (ack >>> 16) & 0xff;
      buffer[at] = ack & AS_PUBREC ? PUBREC : PUBACK;
      buffer[at + 1] = 2;
      buffer[at + 2] = (ack >>> 8) & 0xff;
      buffer[at + 3] = ack & 0xff;
      at += ACK_BYTES;
      if (reasonCode !== 0) at += this.#explain(buffer, at, reasonCode);
    }
    for (let i = 0; i < frameCount; i++) {
      const { bytes, packetIdAt } = frames[i]!;
      buffer.set(bytes, at);
      if (packetIdAt > 0) {
        const id = ids[i]!;
        buffer[at + packetIdAt] = id >>> 8;
        buffer[at + packetIdAt + 1] = id & 0xff;
      }
      at += bytes.length;
    }
  }
}
