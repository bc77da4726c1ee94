import { hasCode, messageOf } from '../base/index.ts';
import type { Iot } from '../services/iot/index.ts';
import type { Sns } from '../services/sns/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { ExtraRoute, HttpRequest } from '../wire/index.ts';
import type { Node } from './config.ts';

/** What anyone may ask: whether the node is there. */
export const healthRoute: ExtraRoute = answer('/_millrace/health', 'application/json', () => '{"status":"ok"}');

/** What the node says about itself beside the AWS APIs: where it listens, metrics. */
export function nodeRoutes(
  node: () => Pick<Node, 'endpoint' | 'mqtt' | 'mqtts' | 'deviceHttps'>,
  metrics: Metrics,
): readonly ExtraRoute[] {
  return [
    answer('/_millrace/endpoints', 'application/json', () => {
      const { endpoint: http, mqtt, mqtts, deviceHttps } = node();
      return JSON.stringify({ http, mqtt, mqtts, deviceHttps });
    }),
    answer('/metrics', 'text/plain; version=0.0.4; charset=utf-8', () => metrics.render()),
  ];
}

/** The authority that devices know the node by, PEM: public, as every certificate is. */
export function authorityRoute(authority: Pick<Iot['authority'], 'certificate'>): ExtraRoute {
  return {
    prefix: '/_millrace/ca.pem',
    handle: async (request, response) => {
      const certificate = await authority.certificate();
      response
        .writeHead(200, { 'content-type': 'application/x-pem-file', 'cache-control': 'no-store' })
        .end(certificate);
      request.resume();
    },
  };
}

/** Certificates that notifications are signed with: for whoever checks a signature. */
export function certificateRoute(sns: Pick<Sns, 'certificatePrefix' | 'certificateAt'>): ExtraRoute {
  return {
    prefix: sns.certificatePrefix,
    handle: (request, response) => {
      const path = (request.url ?? '').split('?', 1)[0]!;
      const certificate = sns.certificateAt(path);
      if (certificate === undefined) response.writeHead(404, { 'cache-control': 'no-store' }).end();
      else response.writeHead(200, { 'content-type': 'application/x-pem-file' }).end(certificate);
      request.resume();
    },
  };
}

/** Bytes of what a phone has answered. */
const ANSWER_BYTES_MAX = 4096;

/** Where the webhook for text messages tells what phones answer: `{"phoneNumber", "message"}`; a word like STOP is obeyed. */
export function phoneRoute(sns: Pick<Sns, 'answered'>): ExtraRoute {
  return {
    prefix: '/_millrace/sms/answers',
    handle: async (request, response) => {
      const { status, body } = request.method === 'POST' ? await takeAnswer(request, sns) : METHOD_NOT_ALLOWED;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    },
  };
}

const METHOD_NOT_ALLOWED = { status: 405, body: { message: 'POST what a phone has answered' } };

async function takeAnswer(request: HttpRequest, sns: Pick<Sns, 'answered'>) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > ANSWER_BYTES_MAX) return { status: 413, body: { message: 'The answer is too long' } };
  }
  try {
    const { phoneNumber, message } = Object(JSON.parse(text)) as { phoneNumber?: unknown; message?: unknown };
    return { status: 200, body: { optedOut: await sns.answered(String(phoneNumber), String(message)) } };
  } catch (error) {
    if (!(error instanceof SyntaxError) && !hasCode(error, 'parameter-invalid')) throw error;
    return { status: 400, body: { message: messageOf(error) } };
  }
}

function answer(prefix: string, type: string, body: () => string): ExtraRoute {
  return {
    prefix,
    handle: (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
        return;
      }
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body());
    },
  };
}
