/** An error of a function as runtimes word it in payloads (`trace`, Python: `stackTrace`) and in logs (`stack`). */
export interface FunctionError {
  readonly errorType?: unknown;
  readonly errorMessage?: unknown;
  readonly trace?: unknown;
  readonly stackTrace?: unknown;
  readonly stack?: unknown;
  /** What caused it; Node's runtime logs it. */
  readonly cause?: unknown;
}

/** Causes shown at most: an error may be its own. */
const CAUSES_MAX = 5;

/** Reads an error's JSON; `undefined` when it is none. */
export function readFunctionError(json: string): FunctionError | undefined {
  try {
    const value = JSON.parse(json) as unknown;
    return isFunctionError(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The error that an `Invoke Error` line of Node's runtime, or one of its siblings, carries. */
export function loggedError(message: string): { readonly title: string; readonly error: FunctionError } | undefined {
  const match = /^((?:Invoke Error|Uncaught Exception|Unhandled Promise Rejection) )\t(\{[\s\S]*\})$/.exec(message);
  const error = match && readFunctionError(match[2]!);
  return error ? { title: match[1]!.trim(), error } : undefined;
}

function isFunctionError(value: unknown): value is FunctionError {
  return typeof value === 'object' && value !== null && ('errorType' in value || 'errorMessage' in value);
}

/** As a person reads it: type and message, the frames of the stack, and what caused it. */
export function wordFunctionError(error: FunctionError): string {
  const lines: string[] = [];
  let next: FunctionError | undefined = error;
  for (let depth = 0; next && depth <= CAUSES_MAX; depth++) {
    const title = `${next.errorType ?? 'Error'}: ${next.errorMessage ?? ''}`;
    lines.push(depth === 0 ? title : `  caused by ${title}`, ...framesOf(next));
    next = isFunctionError(next.cause) ? next.cause : undefined;
  }
  return lines.join('\n');
}

/** Frames of the runtime, below the handler's: a reader learns nothing from them. */
const RUNTIME_FRAME = /[/(]runtimes\/nodejs\/|\(?node:internal\//;

/** The stack without its head, which repeats type and message, and without its foot, which is the runtime's. */
function framesOf({ trace, stack, stackTrace }: FunctionError): readonly string[] {
  const lines = [trace, stack, stackTrace].find(Array.isArray)?.map(String) ?? [];
  const first = lines.findIndex((line) => /^\s+at /.test(line));
  if (first >= 0) {
    const last = lines.findLastIndex((line) => !RUNTIME_FRAME.test(line));
    return lines.slice(first, Math.max(last, first) + 1).map((line) => `    ${line.trim()}`);
  }
  // Python's: `File "/var/task/app.py", line 3, in handler` and the line itself, one entry a frame.
  return stackTrace ? lines.flatMap((line) => line.trimEnd().split('\n')) : [];
}
