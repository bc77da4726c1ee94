import type { InvocationAnswer } from '../../../runtime/index.ts';
import type { TraceContext } from '../../../telemetry/index.ts';

/** How APIs call functions. */
export interface FunctionCaller {
  /**
   * Runs a function once, as API Gateway.
   *
   * @param arn  of the function, one of its versions or of an alias
   * @param sourceArn  what calls it: `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path`
   * @throws throttled, function-not-found and the other errors of Invoke; `invoke-forbidden`: its policy does not let the API call it
   */
  invoke(
    arn: string,
    request: { readonly requestId: string; readonly payload: Uint8Array; readonly trace: TraceContext },
    sourceArn: string,
  ): Promise<InvocationAnswer>;
}

/** The function in the URI of an integration, as API Gateway writes it, or in its own ARN; `undefined` where there is none. */
export function functionArnIn(uri: string): string | undefined {
  const inPath =
    /:lambda:path\/2015-03-31\/functions\/(arn:[^/]+)\/(?:invocations|response-streaming-invocations)$/.exec(uri);
  if (inPath) return inPath[1];
  return /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[^/]+$/.test(uri) ? uri : undefined;
}
