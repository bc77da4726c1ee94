import { isAbort } from '../base/index.ts';
import type { AdminAnswer, AdminApi, AdminRequest } from '../gateway/console/index.ts';
import type { SealedRecords } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';

const PREFIX = '/_millrace/sealing';

/** Nothing is said in a body but `{}`. */
const BODY_BYTES_MAX = 64;

/**
 * The keys that secrets are sealed with on disk, for operators: which there are, never what they are.
 *
 *     GET  /_millrace/sealing          where the keys stand, and their ids
 *     POST /_millrace/sealing/rotate   a new key; everything is sealed again with it, and the keys before are forgotten
 */
export function sealingApi(secrets: SealedRecords, { logger }: { readonly logger: Logger }): AdminApi {
  return { prefix: PREFIX, bodyBytesMax: BODY_BYTES_MAX, handle: (request) => handle(secrets, request, logger) };
}

/** Ends in the background a rotation that the node's end has cut off. */
export function finishRotation(secrets: SealedRecords, logger: Logger): void {
  if (secrets.view.keys.length === 1) return;
  logger.info('key-rotation-resumed', {});
  secrets.rotate().catch((error: unknown) => {
    if (!isAbort(error)) logger.error('key-rotation-failed', { error });
  });
}

async function handle(secrets: SealedRecords, request: AdminRequest, logger: Logger): Promise<AdminAnswer> {
  const { method, path, caller } = request;
  if (path === PREFIX) {
    if (method !== 'GET' && method !== 'HEAD') return failure(405, 'The state is a GET.', 'GET, HEAD');
    const { keyFile, protection, keys } = secrets.view;
    const shown = keys.map(({ id, createdAt, current }) => ({
      id,
      createdAt: new Date(createdAt).toISOString(),
      current,
    }));
    return { status: 200, body: { keyFile, protection, keys: shown } };
  }
  if (path !== `${PREFIX}/rotate`) return failure(404, `There is no ${path}.`);
  if (method !== 'POST') return failure(405, 'rotate is a POST.', 'POST');
  const rotation = await secrets.rotate();
  logger.info('key-rotated', { ...rotation, by: caller });
  return { status: 200, body: rotation };
}

function failure(status: number, message: string, allow?: string): AdminAnswer {
  return { status, body: { message }, ...(allow !== undefined && { allow }) };
}
