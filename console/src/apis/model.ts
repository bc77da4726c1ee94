/** An API as the page sees it, of whichever kind. */
export interface Api {
  readonly id: string;
  readonly kind: 'HTTP' | 'REST';
  readonly name: string;
  readonly description: string | undefined;
  /** Epoch milliseconds. */
  readonly createdAt: number | undefined;
  /** Without a stage. */
  readonly endpoint: string;
}

export interface Route {
  readonly id: string;
  /** `GET /items/{id}`, `$default`. */
  readonly key: string;
  /** `ANY` for all. */
  readonly method: string;
  /** With its variables; `/` for `$default`. */
  readonly path: string;
  /** `NONE`, `JWT`, `AWS_IAM`, `CUSTOM` ..., and whose. */
  readonly authorization: string;
  readonly authorizer: string | undefined;
  readonly needsKey: boolean;
  readonly integration: Integration | undefined;
}

export interface Integration {
  readonly id: string;
  readonly type: string;
  /** What is called: a function's name, an address, nothing for mocks. */
  readonly target: string;
  readonly format: string | undefined;
  readonly timeoutMs: number | undefined;
}

export interface Stage {
  readonly name: string;
  readonly deployment: string | undefined;
  readonly isAutomatic: boolean;
  readonly variables: Readonly<Record<string, string>>;
  /** Requests a second and in a burst. */
  readonly throttling: string | undefined;
  /** The log group of the access log. */
  readonly accessLog: string | undefined;
}

export interface Authorizer {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly source: string;
  /** Issuer and audience, or the function that is asked. */
  readonly asks: string;
  readonly keptSeconds: number | undefined;
}

export interface ApiParts {
  readonly routes: readonly Route[];
  readonly stages: readonly Stage[];
  readonly authorizers: readonly Authorizer[];
  readonly integrations: readonly Integration[];
}
