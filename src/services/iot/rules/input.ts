import type { Random } from '../../../base/index.ts';
import type * as mqtt from '../../../codec/mqtt/index.ts';
import { parseTraceparent, type TraceContext } from '../../../telemetry/index.ts';
import type { Publisher } from '../broker/message.ts';
import { NOT_JSON } from '../sql/message.ts';
import type { Value } from '../sql/values.ts';
import type { ActionMessage } from './action.ts';

/** A publish as rules see it; one serves all rules of a publish, so its JSON is parsed once at most. */
export class RuleInput implements ActionMessage {
  readonly topic: string;
  readonly levels: readonly string[];
  payload: Buffer;
  readonly receivedAt: number;
  readonly random: Random;
  readonly packet: mqtt.PublishPacket;
  readonly #publisher: Publisher;
  #json: Value | typeof NOT_JSON = undefined;

  constructor(
    packet: mqtt.PublishPacket,
    levels: readonly string[],
    publisher: Publisher,
    receivedAt: number,
    random: Random,
  ) {
    this.packet = packet;
    this.topic = packet.topic;
    this.levels = levels;
    this.payload = packet.payload;
    this.receivedAt = receivedAt;
    this.random = random;
    this.#publisher = publisher;
  }

  get clientId(): string | undefined {
    return this.#publisher.clientId;
  }

  get principal(): string | undefined {
    return this.#publisher.principal;
  }

  get depth(): number {
    return this.#publisher.depth ?? 0;
  }

  get traceId(): string | undefined {
    return this.trace()?.traceId;
  }

  /** The trace that the publisher has begun: user property `traceparent` of an MQTT 5 PUBLISH. */
  trace(): TraceContext | undefined {
    const property = this.packet.properties.userProperties?.find(([name]) => name === 'traceparent');
    return property && parseTraceparent(property[1]);
  }

  keep(payload: Buffer): Buffer {
    const isOwn = payload === this.payload || payload === this.packet.payload;
    // Whatever the statement has made of it: an error action is told of the original, perhaps later.
    if (this.payload === this.packet.payload) this.payload = Buffer.from(this.payload);
    return isOwn ? this.payload : payload;
  }

  json(): Value | typeof NOT_JSON {
    if (this.#json === undefined) this.#json = parse(this.payload);
    return this.#json;
  }
}

function parse(payload: Buffer): Value | typeof NOT_JSON {
  try {
    return JSON.parse(payload.toString('utf8')) as Value;
  } catch {
    return NOT_JSON;
  }
}
