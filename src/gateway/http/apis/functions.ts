import type { InvocationAnswer } from '../../../runtime/index.ts';
import type { TraceContext } from '../../../telemetry/index.ts';

/** In whose name a function is called. */
export interface CallingApi {
  /** What calls it: `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path`. */
  readonly sourceArn: string;
  /** Role that API Gateway acts as; absent acts in its own name. */
  readonly roleArn?: string | undefined;
}

/** How APIs call functions. */
export interface FunctionCaller {
  /**
   * Runs a function once, as API Gateway.
   *
   * @param arn  of the function, one of its versions or of an alias
   * @throws throttled, function-not-found and the other errors of Invoke; `invoke-forbidden`: its policy does not let the API call it, or
   *   the role may not
   */
  invoke(
    arn: string,
    request: { readonly requestId: string; readonly payload: Uint8Array; readonly trace: TraceContext },
    by: CallingApi,
  ): Promise<InvocationAnswer>;
}

/** The function in the URI of an integration, as API Gateway writes it, or in its own ARN; `undefined` where there is none. */
export function functionArnIn(uri: string): string | undefined {
  const inPath =
    /:lambda:path\/2015-03-31\/functions\/(arn:[^/]+)\/(?:invocations|response-streaming-invocations)$/.exec(uri);
  if (inPath) return inPath[1];
  return /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[^/]+$/.test(uri) ? uri : undefined;
}

/** The role of an integration or an authorizer. Whoever calls the API (`arn:aws:iam::*:user/*`) is none: it acts in its own name then. */
export function roleIn(credentials: string | undefined): string | undefined {
  return credentials?.includes(':role/') ? credentials : undefined;
}
