/** A client of AWS that is told what to call. One call at a time. */
export interface Driver extends AsyncDisposable {
  /** @throws Error  its `name` is the code that was answered */
  call(service: string, operation: string, input: object): Promise<unknown>;
  /** Whether the client's own model has the operation, and the member of its input or answer. */
  knows(service: string, operation: string, member?: string): Promise<boolean>;
}

/** A client that this machine has not. */
export interface NoDriver extends AsyncDisposable {
  /** Why not. */
  readonly missing: string;
}

/** What was answered instead of an output. */
export class CallError extends Error {
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = code;
  }
}
