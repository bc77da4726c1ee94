import type { ServerResponse } from 'node:http';
import { API_LIMITS } from './limits.ts';

/** What a request is answered: the total table of errors of the APIs, in the words of Lambda. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

export const ACCEPTED: Answer = { status: 202, body: '{"status":"OK"}\n' };
export const INVALID_REQUEST_ID = refusal(400, 'InvalidRequestID', 'Invalid request ID');
export const INVALID_RESPONSE_MODE = refusal(400, 'InvalidFunctionResponseMode', 'Invalid function response mode');
export const TRUNCATED = refusal(400, 'TruncatedHTTPRequest', 'HTTP request detected as truncated');
export const TOO_LARGE = refusal(
  413,
  'RequestEntityTooLarge',
  `Exceeded maximum allowed payload size (${API_LIMITS.payloadBytesMax} bytes).`,
);
export const REQUEST_TOO_LARGE = refusal(
  413,
  'RequestEntityTooLarge',
  `Exceeded maximum allowed payload size (${API_LIMITS.requestBytesMax} bytes).`,
);
export const NOT_FOUND = refusal(
  404,
  'NotFound',
  'no such resource in the Runtime, Extensions, Telemetry and Logs APIs',
);
export const METHOD_NOT_ALLOWED = refusal(405, 'MethodNotAllowed', 'the resource is there, but not for this method');
/** What Lambda's own emulator answers where there is no telemetry: extensions take it for a subscription that stays silent. */
export const TELEMETRY_NOT_SUPPORTED = refusal(
  202,
  'Telemetry.NotSupported',
  'Telemetry API is not supported: it needs an external extension in the function or its layers',
);
export const LOGS_NOT_SUPPORTED = refusal(
  202,
  'Logs.NotSupported',
  'Logs API is not supported: it needs an external extension in the function or its layers',
);

export function refusal(status: number, errorType: string, errorMessage: string): Answer {
  return { status, body: `${JSON.stringify({ errorMessage, errorType })}\n` };
}

/** @param of  `runtime`, or `extension` and its name */
export function outOfTurn(errorType: string, from: string, to: string, of: string): Answer {
  const message = `State transition from ${from} to ${to} failed for ${of}. Error: State transition is not allowed`;
  return refusal(403, errorType, message);
}

/** Answers a request, in one system call where the socket takes it. */
export function send(response: ServerResponse, { status, body }: Answer, headers: readonly string[] = []): void {
  response.sendDate = false;
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, ['Content-Type', 'application/json', 'Content-Length', length, ...headers]);
  response.end(body);
}
