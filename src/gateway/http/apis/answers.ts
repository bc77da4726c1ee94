/* What APIs answer of themselves. */
import type { UrlResponse } from '../response.ts';

/** A request that goes no further, as its client is told. */
export class Refusal extends Error {
  readonly status: number;
  /** Headers beside those of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** As gateway responses name it; of REST APIs only. */
  readonly kind: string;

  constructor(status: number, message: string, more: { headers?: Record<string, string>; kind?: string } = {}) {
    super(message);
    this.status = status;
    this.headers = more.headers ?? {};
    this.kind = more.kind ?? 'DEFAULT_5XX';
  }
}

export const messageBody = (message: string): Uint8Array => Buffer.from(JSON.stringify({ message }));

/** A refusal as HTTP APIs write it. */
export function refusalResponse({ status, message, headers }: Refusal): UrlResponse {
  const all = new Map([['content-type', 'application/json'], ...Object.entries(headers)]);
  return { status, headers: all, body: messageBody(message) };
}

export const badPath = () => new Refusal(400, 'Bad Request');
export const notFound = () => new Refusal(404, 'Not Found');
export const forbidden = () => new Refusal(403, 'Forbidden');
export const tooMany = () => new Refusal(429, 'Too Many Requests');
export const tooLarge = () => new Refusal(413, 'Request Entity Too Large');
export const internal = () => new Refusal(500, 'Internal Server Error');
export const unavailable = () => new Refusal(503, 'Service Unavailable');
