import type { Random } from '../../../base/index.ts';
import type { Value } from './values.ts';

/** Stands for a payload that is no JSON: a name in it is an error of the rule, not Undefined. */
export const NOT_JSON: unique symbol = Symbol('not JSON');

/** What a rule may ask of the message that has triggered it. */
export interface RuleMessage {
  /** Without the prefix of Basic Ingest. */
  readonly topic: string;
  /** The topic's levels. */
  readonly levels: readonly string[];
  readonly payload: Buffer;
  /** Absent when the message did not come over MQTT. */
  readonly clientId: string | undefined;
  readonly principal: string | undefined;
  readonly traceId: string | undefined;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  readonly random: Random;
  /** The payload as JSON, parsed once for all rules; {@link NOT_JSON} when it is none. */
  json(): Value | typeof NOT_JSON;
}
