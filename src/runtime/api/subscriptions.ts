import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EnvironmentLog } from '../environments/report.ts';
import { LOGS_NOT_SUPPORTED, refusal, send, TELEMETRY_NOT_SUPPORTED } from './answers.ts';
import { readBody } from './bodies.ts';
import { API_LIMITS } from './limits.ts';
import type { Telemetry } from './telemetry.ts';
import { parseSubscription, type TelemetryApi } from './telemetry-subscription.ts';

/**
 * Serves a subscription.
 *
 * @param telemetry  absent where nobody could deliver it
 * @param extension  who asks
 */
export function subscribe(
  api: TelemetryApi,
  telemetry: Telemetry | undefined,
  extension: string,
  log: EnvironmentLog,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  readBody(request, API_LIMITS.requestBytesMax, (body) => {
    const label = api === 'logs' ? 'Logs' : 'Telemetry';
    if (!telemetry) return send(response, api === 'logs' ? LOGS_NOT_SUPPORTED : TELEMETRY_NOT_SUPPORTED);
    if (telemetry.closed) {
      return send(response, refusal(403, `${label}.SubscriptionClosed`, `${label} API subscription is closed already`));
    }
    if (telemetry.api !== undefined && telemetry.api !== api) {
      const other = 'an environment uses the Telemetry API or the Logs API, not both';
      return send(response, refusal(400, 'ValidationError', other));
    }
    const asked = parseSubscription(api, body.kind === 'whole' ? body.bytes.toString('utf8') : '');
    if (typeof asked === 'string') return send(response, refusal(400, 'ValidationError', asked));
    const types = asked.types.map((type) => type[0]!.toUpperCase() + type.slice(1)).join(', ');
    log.write(`${label.toUpperCase()}\tName: ${extension}\tState: Subscribed\tTypes: [${types}]`);
    send(response, { status: 200, body: '"OK"' });
    telemetry.subscribe(extension, api, asked);
  });
}
