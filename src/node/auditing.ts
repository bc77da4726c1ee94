import { type Clock, type Random, uuid } from '../base/index.ts';
import type { Verdict } from '../services/iam/index.ts';
import type { Permission } from '../services/index.ts';
import type { Asked, Audit } from '../wire/index.ts';
import { type AuditTrail, isDataEvent, isTold, recordOf } from './audit/index.ts';
import { permissionsOf, sourceIpOf } from './authorization.ts';
import type { Denials } from './denials.ts';

/** Which calls are kept: what makes or changes things, what moves data too; refusals by policies always are. */
export type AuditedEvents = 'off' | 'management' | 'all';

/** What is done about calls once they are answered: denials are told to those who can put them right, and who did what is kept. */
export function auditing(options: {
  readonly denials: Pick<Denials, 'tell'>;
  /** Absent keeps no records. */
  readonly trail: Pick<AuditTrail, 'record'> | undefined;
  readonly events: AuditedEvents;
  readonly clock: Clock;
  readonly random: Random;
}): Audit {
  const { denials, trail, events, clock, random } = options;
  return (asked, failure, decided) => {
    const { caller, operation, service, requestId, region, request } = asked;
    const denied = decided?.allowed === false ? (decided as Verdict & { allowed: false }) : undefined;
    if (denied?.denial) denials.tell(caller, denied.denial, requestId);
    if (!trail) return;
    const isWanted = isTold(operation) && (events === 'all' || !isDataEvent(service.name, operation));
    if (!denied && !isWanted) return;
    const at = clock.now();
    const write = (permissions: readonly Permission[]) =>
      trail.record(
        recordOf({
          ...{ caller, service: service.name, operation, region, requestId, eventId: uuid(random), at },
          sourceIp: sourceIpOf(request),
          userAgent: request.headers['user-agent'],
          resources: [...new Set(permissions.flatMap(({ resources }) => resources))],
          failure: failure && { type: failure.type, ...(denied && { denial: denied.message }) },
        }),
      );
    void resourcesOf(asked).then(write, () => write([]));
  };
}

async function resourcesOf(asked: Asked): Promise<readonly Permission[]> {
  return permissionsOf(asked.service, asked.operation, asked);
}
