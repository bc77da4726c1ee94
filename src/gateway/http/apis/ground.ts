import type { Clock, Random } from '../../../base/index.ts';
import type { Outgoing } from '../../../delivery/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { UrlIdentity } from '../event.ts';
import type { FunctionCaller } from './functions.ts';
import type { FetchDocument } from './keys.ts';
import type { CallFacts, PolicyVerdict } from './policies.ts';

/** A request to prove who sent it. */
export interface ProvenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** Who has signed a request, and what he may do. */
export interface Signer extends UrlIdentity {
  /** Whether his policies let him call the route of an ARN. @param resourcePolicy  of the API */
  allows(resource: string, facts: CallFacts, resourcePolicy?: string): Promise<boolean>;
}

/** What all kinds of APIs stand on. */
export interface ApiGround {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly mode: 'dev' | 'secured';
  readonly functions: FunctionCaller;
  readonly outgoing: Outgoing;
  readonly fetchDocument: FetchDocument;
  /** Who signed a request for `execute-api` in a region; in words why nobody has. */
  readonly prove: (request: ProvenRequest, region: string) => Signer | string;
  /** Whether an authorizer's policy lets its caller call the route of an ARN. */
  readonly askPolicy: (policy: string, resource: string, facts: CallFacts) => Promise<PolicyVerdict>;
  /** Whether an API's policy lets anybody call it. */
  readonly admitsAnybody: (policy: string, resource: string, facts: CallFacts) => Promise<boolean>;
  /** Writes a line of an access log. @param logGroup  its name */
  readonly writeAccess: (region: string, logGroup: string, stream: string, at: number, line: string) => void;
}
