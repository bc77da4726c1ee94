/** A log line taken apart. */
export interface LogLine {
  /** The request that it names. */
  readonly requestId?: string;
  /** `INFO`, `ERROR`, ... as the function said; `PLATFORM` for the lines about an invocation and its environment. */
  readonly level?: string;
  /** What is left to be read. */
  readonly text: string;
}

/** Node's runtime: time, request, level, message. Outside an invocation the request is `undefined`. */
const NODE = /^\d{4}-\d\d-\d\dT[\d:.]+Z\t(\S+)\t([A-Z]+)\t([\s\S]*)$/;
/** Python's: level, time, request, message. */
const PYTHON = /^\[([A-Z]+)\]\t\d{4}-\d\d-\d\dT[\d:.,]+Z\t(\S*)\t([\s\S]*)$/;
/** What the platform writes of an invocation: `START RequestId: ...`. */
const PLATFORM = /^(?:START|END|REPORT|RESTORE_REPORT) RequestId: (\S+)/;
/** And of an environment. */
const ENVIRONMENT = /^(?:INIT_START|INIT_REPORT|RESTORE_START|RESTORE_REPORT|EXTENSION|TELEMETRY)\b/;
/** `2026-11-28T10:00:00.000Z 5f... Task timed out after 3.00 seconds` */
const TIMED_OUT = /^\d{4}-\d\d-\d\dT[\d:.]+Z (\S+) (Task timed out [\s\S]*)$/;
/** `RequestId: 5f... Error: Runtime exited with error: exit status 1` */
const BROKEN = /^RequestId: (\S+) (Error: [\s\S]*)$/;

/** Reads a line as the managed runtimes and the platform write it; any other line is text. */
export function parseLogLine(message: string): LogLine {
  const line = message.trimEnd();
  return readJson(line) ?? readText(line) ?? { text: line };
}

function readText(line: string): LogLine | undefined {
  const node = NODE.exec(line);
  if (node) return lineOf(node[1], node[2], node[3]!);
  const python = PYTHON.exec(line);
  if (python) return lineOf(python[2], python[1], python[3]!);
  const platform = PLATFORM.exec(line);
  if (platform) return lineOf(platform[1], 'PLATFORM', line);
  if (ENVIRONMENT.test(line)) return lineOf(undefined, 'PLATFORM', line);
  const failed = TIMED_OUT.exec(line) ?? BROKEN.exec(line);
  return failed ? lineOf(failed[1], 'ERROR', failed[2]!) : undefined;
}

/** The log format JSON: `{ timestamp, level, requestId, message, ... }`, and `{ time, type, record }` of the platform. */
function readJson(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined;
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { type, record, timestamp: _timestamp, time: _time, ...rest } = fields;
  if (typeof type === 'string' && type.startsWith('platform.')) {
    return lineOf((record as { requestId?: unknown } | undefined)?.requestId, 'PLATFORM', line);
  }
  const { requestId, AWSRequestId, level, message, ...more } = rest;
  const members = Object.entries({
    ...(type !== undefined && { type }),
    ...(record !== undefined && { record }),
    ...more,
  });
  const words = [message, ...members.map(([name, value]) => `${name}=${show(value)}`)];
  const text = words.filter((word) => word !== undefined).map(show);
  return lineOf(requestId ?? AWSRequestId, level, text.join(' '));
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function lineOf(requestId: unknown, level: unknown, text: string): LogLine {
  return {
    ...(typeof requestId === 'string' && requestId !== '' && requestId !== 'undefined' && { requestId }),
    ...(typeof level === 'string' && { level }),
    text,
  };
}

/** Which request an environment's lines belong to: one that names none belongs to the one that runs. */
export class RequestTracker {
  /** Requests that run, by log stream: an environment has one. */
  readonly #running = new Map<string, string>();

  /** @returns the request of the line, if any; lines of a stream in their order */
  requestOf(logStream: string, { requestId, text }: LogLine): string | undefined {
    const running = this.#running.get(logStream);
    if (requestId === undefined) return running;
    if (text.startsWith('START ')) this.#running.set(logStream, requestId);
    // REPORT comes last; END before it.
    if (text.startsWith('REPORT ')) this.#running.delete(logStream);
    return requestId;
  }
}
