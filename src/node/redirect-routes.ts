import { DomainError } from '../base/index.ts';
import { type AdminAnswer, type AdminApi, type AdminRequest, readJson } from '../gateway/console/index.ts';
import type { MqttGateway } from '../gateway/mqtt/index.ts';
import type { Logger } from '../telemetry/index.ts';

const PATH = '/_millrace/mqtt/redirect';

/** Bytes of a request's body: a few names of hosts. */
const BODY_BYTES_MAX = 2_048;

/**
 * Has the devices go to another server; docs/mqtt.md has the contract.
 *
 *     POST /_millrace/mqtt/redirect   {"serverReference": "other.example:8883"}
 */
export function redirectApi(
  gateway: () => Pick<MqttGateway, 'redirect' | 'clients'> | undefined,
  logger: Logger,
): AdminApi {
  return {
    prefix: PATH,
    bodyBytesMax: BODY_BYTES_MAX,
    handle: async (request) => redirect(gateway(), request, logger),
  };
}

function redirect(
  gateway: Pick<MqttGateway, 'redirect' | 'clients'> | undefined,
  { method, path, body, caller }: AdminRequest,
  logger: Logger,
): AdminAnswer {
  if (path !== PATH) return failure(404, 'path-unknown', `There is nothing at ${path}.`);
  if (method !== 'POST') return { ...failure(405, 'method-not-allowed', `${path} is a POST.`), allow: 'POST' };
  if (!gateway) return failure(503, 'unavailable', 'No device can connect yet: try again when the node is ready.');
  const serverReference = readReference(body);
  if (serverReference === undefined) {
    const message = 'The body is {"serverReference": "host:port"}, or several of them parted by spaces.';
    return failure(400, 'request-invalid', message);
  }
  logger.info('mqtt-redirected', { serverReference, caller });
  const clients = gateway.clients.size;
  // It takes as long as there are clients; who asks sees in $SYS/broker/clients/connected how far it is.
  void gateway.redirect(serverReference);
  return { status: 202, body: { serverReference, clients } };
}

/** One or more of `host` or `host:port` (MQTT 5, 4.11). */
function readReference(body: Uint8Array): string | undefined {
  try {
    const { serverReference, ...others } = readJson(body);
    const isOne = typeof serverReference === 'string' && /^[\w.:[\]-]+( [\w.:[\]-]+)*$/.test(serverReference);
    return isOne && Object.keys(others).length === 0 ? serverReference : undefined;
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

function failure(status: number, code: string, message: string): AdminAnswer {
  return { status, body: { code, message } };
}
