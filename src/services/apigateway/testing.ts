/* Requests that are made to try an API: what TestInvokeMethod and TestInvokeAuthorizer need of whoever answers requests. */
import type { RestApi, RestAuthorizer, RestMethod, RestResource } from './model.ts';

/** A request that nobody has sent. */
export interface TestRequest {
  /** Begins with a slash. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Name and value in turn. */
  readonly fields: readonly string[];
  readonly body: string;
  readonly stageVariables: Readonly<Record<string, string>>;
}

export interface MethodTest extends TestRequest {
  readonly api: RestApi;
  readonly resource: RestResource;
  readonly method: RestMethod;
  /** As which it is called: of a method for any, one of them. */
  readonly httpMethod: string;
  readonly clientCertificateId?: string | undefined;
}

export interface AuthorizerTest extends TestRequest {
  readonly api: RestApi;
  readonly authorizer: RestAuthorizer;
  /** `$context` variables. */
  readonly context: Readonly<Record<string, string>>;
}

interface Tested {
  /** One line for each step. */
  readonly log: string;
  readonly latencyMs: number;
}

export interface TestedMethod extends Tested {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string | readonly string[]>;
  readonly body: string;
}

export interface TestedAuthorizer extends Tested {
  readonly status: number;
  readonly principalId?: string;
  /** JSON text. */
  readonly policy?: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, string>>;
}

/** Answers what is tried as it answers requests, past keys and throttles; a method past its authorizer too. */
export interface ApiTester {
  method(test: MethodTest): Promise<TestedMethod>;
  authorizer(test: AuthorizerTest): Promise<TestedAuthorizer>;
}
