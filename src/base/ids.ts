import type { Random } from './random.ts';

/** A random UUID (version 4) in AWS's spelling for request ids: lower case with hyphens. */
export function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The parts of an Amazon Resource Name: `arn:partition:service:region:account:resource`. */
export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  /** All after the fifth colon, for example `function:alerts:3` or `stream/telemetry`. */
  readonly resource: string;
}

/** Account of every resource of a node (DESIGN §7). */
export const ACCOUNT_ID = '000000000000';

/** Region where the request names none (DESIGN §7). */
export const DEFAULT_REGION = 'us-east-1';

/** Reads an ARN; `undefined` when `text` is none. */
export function parseArn(text: string): Arn | undefined {
  const match = /^arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}|aws|):(.+)$/s.exec(text);
  if (!match) return undefined;
  const [, partition, service, region, account, resource] = match as unknown as [string, ...string[]];
  return { partition: partition!, service: service!, region: region!, account: account!, resource: resource! };
}

/** Writes an ARN of the `aws` partition. */
export function formatArn(service: string, region: string, account: string, resource: string): string {
  return `arn:aws:${service}:${region}:${account}:${resource}`;
}
