import { type Clock, type Random, uuid } from '../base/index.ts';
import type { Verdict } from '../services/iam/index.ts';
import type { Permission } from '../services/index.ts';
import { type Asked, type Audit, type Authorization, sourceIpOf } from '../wire/index.ts';
import { type AuditLog, isDataEvent, isTold, recordOf } from './audit/index.ts';
import { type DeniedEntry, permissionsOf } from './authorization.ts';
import type { Denials } from './denials.ts';

/** Which calls are kept: what makes or changes things, what moves data too; refusals by policies always are. */
export type AuditedEvents = 'off' | 'management' | 'all';

/** What is done about calls once they are answered: denials are told to those who can put them right, and who did what is kept. */
export function auditing(options: {
  readonly denials: Pick<Denials, 'tell'>;
  /** Absent keeps no records. */
  readonly trail: Pick<AuditLog, 'record'> | undefined;
  readonly events: AuditedEvents;
  readonly clock: Clock;
  readonly random: Random;
}): Audit {
  const { denials, trail, events, clock, random } = options;
  return (asked, failure, decided) => {
    const { caller, operation, service, requestId, region, request } = asked;
    const refused = refusalsIn(decided);
    for (const { denial } of refused) if (denial) denials.tell(caller, denial, requestId);
    const [denied] = refused;
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
          // A batch of which entries were refused has been answered: the record is of the refusal.
          failure: failureOf(failure?.type ?? (denied && 'AccessDenied'), denied),
        }),
      );
    void resourcesOf(asked).then(write, () => write([]));
  };
}

/** What policies have refused of a call: all of it, or entries of a batch. */
function refusalsIn(decided: Authorization | undefined): readonly DeniedEntry[] {
  if (decided?.allowed === false) return [decided as Verdict & { readonly allowed: false }];
  return decided?.refusedEntries ? [...decided.refusedEntries.values()] : [];
}

function failureOf(type: string | undefined, denied: DeniedEntry | undefined) {
  return type === undefined ? undefined : { type, ...(denied && { denial: denied.message }) };
}

async function resourcesOf(asked: Asked): Promise<readonly Permission[]> {
  return permissionsOf(asked.service, asked.operation, asked);
}
