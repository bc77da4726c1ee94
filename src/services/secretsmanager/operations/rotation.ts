import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { invalidRequest } from '../errors.ts';
import { CURRENT, PENDING, type Secret } from '../model.ts';
import { checkRules } from '../rotation.ts';
import { begin, withNext, without } from '../rotations.ts';
import { refuseDeleted, type SecretChange, type Secrets, tokenTaken } from '../secrets.ts';
import { addVersion, holderOf } from '../stages.ts';
import { identityShape } from './shapes.ts';

export interface RotationOptions {
  readonly clock: Clock;
  /** Rejects where there is no such function, or it may not be called. */
  readonly checkFunction: (functionArn: string, secretArn: string) => Promise<void>;
}

/** Rotation by functions. */
export function rotationOperations(
  secrets: Secrets,
  { clock, checkFunction }: RotationOptions,
): Record<string, Operation> {
  return {
    RotateSecret: async (input, { region }) => {
      const { RotateImmediately: immediately = true, ClientRequestToken: id = secrets.newId() } = input;
      const found = secrets.usable(region, input.SecretId);
      const rotationFunction = input.RotationLambdaARN || found.rotationFunction;
      if (!rotationFunction) throw invalidRequest('No Lambda rotation function ARN is associated with this secret.');
      if (input.RotationRules) checkRules(input.RotationRules, clock.now());
      await checkFunction(rotationFunction, identityShape(found).ARN);
      const secret = await secrets.change(found, async (before) => {
        if (isKnown(refuseDeleted(before), id)) return { secret: before };
        refuseUnfinished(before);
        const { versions, writes } = secrets.room(before, id);
        const rotationRules = input.RotationRules ?? before.rotationRules;
        const configured: Secret = {
          ...before,
          versions,
          rotationEnabled: true,
          rotationFunction,
          ...(rotationRules && { rotationRules }),
          changedAt: clock.now(),
        };
        const dated = withNext(configured, clock.now());
        const begun: SecretChange = immediately
          ? { secret: begin(dated, id, clock.now()) }
          : await trial(secrets, dated, id, clock.now());
        return { ...begun, writes: [...writes, ...(begun.writes ?? [])] };
      });
      return { ...identityShape(secret), ...(immediately && { VersionId: id }) };
    },

    CancelRotateSecret: async ({ SecretId }, { region }) => {
      const secret = await secrets.change(secrets.usable(region, SecretId), (before) => {
        const rest = without(before, 'rotating', 'nextRotationAt');
        return { secret: { ...rest, rotationEnabled: false, changedAt: clock.now() } };
      });
      const pending = holderOf(secret.versions, PENDING);
      return { ...identityShape(secret), ...(pending !== undefined && { VersionId: pending }) };
    },
  };
}

/** Whether the same call has been made already. @throws already-exists  the token's version is no rotation's */
function isKnown(secret: Secret, id: string): boolean {
  const version = secret.versions[id];
  if (!version) return false;
  if (secret.rotating?.versionId === id || version.stages.includes(PENDING) || version.stages.includes(CURRENT))
    return true;
  throw tokenTaken(id, secret);
}

/** @throws invalid-request */
function refuseUnfinished({ versions, rotating }: Secret): void {
  const pending = holderOf(versions, PENDING);
  const isUnfinished = pending !== undefined && pending !== holderOf(versions, CURRENT);
  if (rotating || isUnfinished) {
    throw invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.");
  }
}

/** A version with the current value, on which the function shows that it works, and which goes again. */
async function trial(secrets: Secrets, secret: Secret, id: string, now: number): Promise<SecretChange> {
  const current = holderOf(secret.versions, CURRENT);
  if (current === undefined) return { secret };
  return {
    secret: {
      ...secret,
      versions: addVersion(secret.versions, id, { createdAt: now }, [PENDING]),
      rotating: { versionId: id, step: 0, failures: 0, dueAt: now, isTrial: true },
    },
    writes: await secrets.copied(secret, current, id),
  };
}
