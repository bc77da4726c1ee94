import type { Clock, Random } from '../../../base/index.ts';
import { type Operation, pageOf } from '../../index.ts';
import { invalidParameter, invalidRequest } from '../errors.ts';
import { secretFilter } from '../filters.ts';
import { SECRETS_LIMITS } from '../limits.ts';
import type { Secret } from '../model.ts';
import { newSuffix } from '../names.ts';
import { without } from '../rotations.ts';
import { givenValue, type Secrets } from '../secrets.ts';
import { checkKey, identityShape, paging, secretShape, stagesShape, tagsOf } from './shapes.ts';

const DAY_MS = 24 * 3600 * 1000;

/** Operations on secrets as a whole. */
export function secretOperations(
  secrets: Secrets,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Record<string, Operation> {
  return {
    CreateSecret: async (input, { region }) => {
      if (input.AddReplicaRegions?.length) throw invalidRequest('Replicas in other regions are not built in Millrace.');
      checkKey(input.KmsKeyId);
      const { Name, Description, KmsKeyId, Type, Tags = [], ClientRequestToken: id = secrets.newId() } = input;
      const facts = {
        tags: tagsOf(Tags),
        ...(Description !== undefined && { description: Description }),
        ...(KmsKeyId && { kmsKeyId: KmsKeyId }),
        ...(Type !== undefined && { type: Type }),
      };
      const value = givenValue(input);
      const secret = await secrets.create(region, Name, facts, value && { id, value });
      return { ...identityShape(secret), ...(value && { VersionId: id }) };
    },

    UpdateSecret: async (input, { region }) => {
      checkKey(input.KmsKeyId);
      const { Description, KmsKeyId, Type, ClientRequestToken: id = secrets.newId() } = input;
      const more: Partial<Secret> = {
        ...(Description !== undefined && { description: Description }),
        ...(KmsKeyId !== undefined && { kmsKeyId: KmsKeyId }),
        ...(Type !== undefined && { type: Type }),
      };
      const found = secrets.usable(region, input.SecretId);
      const value = givenValue(input);
      if (value) return { ...identityShape(await secrets.addValue(found, { id, value }, more)), VersionId: id };
      const changed = await secrets.change(found, (before) => ({
        secret: { ...before, ...more, changedAt: clock.now() },
      }));
      return identityShape(changed);
    },

    DescribeSecret: ({ SecretId }, { region }) => {
      const secret = secrets.find(region, SecretId);
      const VersionIdsToStages = stagesShape(secret);
      const hasVersions = Object.keys(VersionIdsToStages).length > 0;
      return { ...secretShape(secret), ...(hasVersions && { VersionIdsToStages }) };
    },

    ListSecrets: (input, { region }) => {
      const { Filters = [], IncludePlannedDeletion = false, SortBy = 'created-date', SortOrder = 'desc' } = input;
      const matches = secretFilter(Filters);
      const key = SORT_KEYS[SortBy]!;
      const found = secrets
        .list(region)
        .filter((one) => (IncludePlannedDeletion || one.deletedAt === undefined) && matches(one))
        .sort((a, b) => (key(a) < key(b) ? -1 : 1));
      if (SortOrder === 'desc') found.reverse();
      const asked = { ...paging(SECRETS_LIMITS.listMax, input), descending: SortOrder === 'desc' };
      const { page, token } = pageOf(found, key, asked);
      return {
        SecretList: page.map((one) => ({ ...secretShape(one), SecretVersionsToStages: stagesShape(one) })),
        ...(token !== undefined && { NextToken: token }),
      };
    },

    DeleteSecret: async (input, { region }) => {
      const { SecretId, RecoveryWindowInDays: days, ForceDeleteWithoutRecovery: force = false } = input;
      const { recoveryDaysMin, recoveryDaysMax, recoveryDays } = SECRETS_LIMITS;
      if (force && days !== undefined) {
        throw invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
      }
      if (days !== undefined && (days < recoveryDaysMin || days > recoveryDaysMax)) {
        throw invalidParameter(
          `The RecoveryWindowInDays value must be between ${recoveryDaysMin} and ${recoveryDaysMax} days (inclusive).`,
        );
      }
      const now = clock.now();
      if (force) {
        const found = secrets.peek(region, SecretId) ?? absent(region, SecretId, random);
        await secrets.remove(found);
        return { ...identityShape(found), DeletionDate: new Date(now) };
      }
      const deleteAt = now + (days ?? recoveryDays) * DAY_MS;
      const marked = await secrets.change(secrets.find(region, SecretId), (before) => {
        if (before.deletedAt === undefined) return { secret: { ...before, deletedAt: now, deleteAt } };
        throw invalidRequest(
          "You can't perform this operation on the secret because it was already scheduled for deletion.",
        );
      });
      return { ...identityShape(marked), DeletionDate: new Date(deleteAt) };
    },

    RestoreSecret: async ({ SecretId }, { region }) =>
      identityShape(
        await secrets.change(secrets.find(region, SecretId), (before) => ({
          secret: before.deletedAt === undefined ? before : without(before, 'deletedAt', 'deleteAt'),
        })),
      ),

    TagResource: async ({ SecretId, Tags }, { region }) => {
      await secrets.change(secrets.usable(region, SecretId), (before) => ({
        secret: { ...before, tags: tagsOf(Tags, before.tags), changedAt: clock.now() },
      }));
    },

    UntagResource: async ({ SecretId, TagKeys }, { region }) => {
      await secrets.change(secrets.usable(region, SecretId), (before) => {
        const tags = Object.fromEntries(Object.entries(before.tags).filter(([key]) => !TagKeys.includes(key)));
        return { secret: { ...before, tags, changedAt: clock.now() } };
      });
    },
  };
}

/** What secrets are sorted by, as text that sorts so; the name tells those of one time apart. */
const SORT_KEYS: Readonly<Record<string, (secret: Secret) => string>> = {
  name: ({ name }) => name,
  'created-date': ({ createdAt, name }) => timed(createdAt, name),
  'last-changed-date': ({ changedAt, name }) => timed(changedAt, name),
  'last-accessed-date': ({ accessedAt = 0, name }) => timed(accessedAt, name),
};

function timed(at: number, name: string): string {
  return `${String(at).padStart(16, '0')}/${name}`;
}

/** Deleting by force what is not there is no error. */
function absent(region: string, name: string, random: Random): Secret {
  return { region, name, suffix: newSuffix(random), tags: {}, versions: {}, createdAt: 0, changedAt: 0 };
}
