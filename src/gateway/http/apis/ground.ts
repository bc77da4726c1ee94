import type { Clock, Random } from '../../../base/index.ts';
import type { Outgoing } from '../../../delivery/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { UrlIdentity } from '../event.ts';
import type { FunctionCaller } from './functions.ts';
import type { FetchDocument } from './keys.ts';

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
  /** Whether his policies let him: `execute-api:Invoke` on an ARN. @param resourcePolicy  of the API */
  allows(action: string, resource: string, resourcePolicy?: string): Promise<boolean>;
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
  /** Who signed a request for `execute-api`; in words why nobody has. */
  readonly prove: (request: ProvenRequest) => Signer | string;
  /** Writes a line of an access log. @param logGroup  its name */
  readonly writeAccess: (region: string, logGroup: string, stream: string, at: number, line: string) => void;
}
