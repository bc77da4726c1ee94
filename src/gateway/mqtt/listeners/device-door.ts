import type { IncomingMessage } from 'node:http';
import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Caller } from '../../../services/index.ts';
import { type Arrival, type DeviceAccess, IotError, type UpgradeRequest } from '../../../services/iot/index.ts';

/** The request as those see it who look for tokens in it. */
export function upgradeOf({ url = '', headers }: IncomingMessage): UpgradeRequest {
  const mark = url.indexOf('?');
  return { headers, queryString: mark < 0 ? '' : url.slice(mark + 1) };
}

/** Who publishes by a request that nobody has signed. @throws IotError `forbidden` */
export async function callerOf(access: DeviceAccess, arrival: Arrival, request: IncomingMessage): Promise<Caller> {
  const decision = await access.publisher({ ...arrival, upgrade: upgradeOf(request) });
  if (decision.kind === 'refused') throw new IotError('forbidden', decision.reason ?? 'Forbidden');
  const { permissions } = decision;
  return { accountId: ACCOUNT_ID, arn: permissions.principal ?? 'anonymous', unsigned: true, device: permissions };
}
