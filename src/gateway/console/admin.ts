import { DomainError, hasCode } from '../../base/index.ts';

/** A request whose sender was let in and whose body was read. */
export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
  /** Who asks, for the log. */
  readonly caller: string;
}

/** What is answered as JSON. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Methods that the path takes, for 405. */
  readonly allow?: string;
}

/** Routes of the node itself that show or change what it holds: the composition root puts its guard before them. */
export interface AdminApi {
  readonly prefix: string;
  readonly bodyBytesMax: number;
  handle(request: AdminRequest): Promise<AdminAnswer>;
}

/** Members of a query or of a JSON body. */
export type Fields = Readonly<Record<string, unknown>>;

/** @throws DomainError request-invalid  a member that is not known: one that is misspelled would mean something else */
export function refuseOthers(fields: Fields, known: readonly string[], of: string): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`"${unknown}" is no member of ${of}: ${known.join(', ')} are`);
}

/** @throws DomainError request-invalid */
export function readLimit(value: unknown, otherwise: number, max: number): number {
  if (value === undefined) return otherwise;
  const limit = Number(value);
  if (!Number.isInteger(limit) || limit < 1 || limit > max)
    throw invalid(`"limit" must be a whole number from 1 to ${max}`);
  return limit;
}

export function readJson(bytes: Uint8Array): Fields {
  if (bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  } catch {
    // Answered like any other body that is no object.
  }
  throw invalid('The body must be a JSON object.');
}

export function text(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw invalid(`"${name}" must be a text`);
}

export function invalid(message: string): DomainError {
  return new DomainError('request-invalid', message);
}

/**
 * The answer, or that of an error which callers can do something about.
 * @param statuses  by the code of the error; others are 503 where trying again helps, else 409
 */
export async function answering(
  statuses: Readonly<Record<string, number>>,
  answer: () => Promise<AdminAnswer> | AdminAnswer,
): Promise<AdminAnswer> {
  try {
    return await answer();
  } catch (error) {
    const failure = failureAnswer(error, statuses);
    if (!failure) throw error;
    return failure;
  }
}

/** `undefined` for an error of ours. */
function failureAnswer(error: unknown, statuses: Readonly<Record<string, number>>): AdminAnswer | undefined {
  if (!(error instanceof Error) || !hasCode(error, (error as { code?: string }).code ?? '')) return undefined;
  const { code, message, remedy } = error as DomainError;
  if (remedy === undefined) return undefined;
  const status = statuses[code] ?? (remedy === 'retry' ? 503 : 409);
  return { status, body: { code, message } };
}

export function notAllowed(allow: string): AdminAnswer {
  return { status: 405, allow, body: { code: 'method-not-allowed', message: `This path takes ${allow}.` } };
}

export function notFound(path: string): AdminAnswer {
  return { status: 404, body: { code: 'path-unknown', message: `There is nothing at ${path}.` } };
}
