import { type Clock, messageOf, type Random } from '../../../base/index.ts';
import { type Operation, pageOf } from '../../index.ts';
import { invalidParameter, invalidRequest, SECRETS_ANSWERS, type SecretsErrorCode, valueNotFound } from '../errors.ts';
import { secretFilter } from '../filters.ts';
import { SECRETS_LIMITS } from '../limits.ts';
import { CURRENT, type Secret } from '../model.ts';
import { randomPassword } from '../passwords.ts';
import { givenValue, refuseDeleted, type Secrets } from '../secrets.ts';
import { changeStage, holderOf } from '../stages.ts';
import { identityShape, paging, valueShape } from './shapes.ts';

/** Operations on values, their versions and labels. */
export function valueOperations(
  secrets: Secrets,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Record<string, Operation> {
  const read = async (found: Secret, asked: { VersionId?: string; VersionStage?: string }) => {
    const secret = refuseDeleted(found);
    const { id, what } = versionAsked(secret, asked);
    const value = await secrets.value(secret, id, what);
    const { createdAt, stages } = secret.versions[id]!;
    return {
      ...identityShape(secret),
      VersionId: id,
      ...valueShape(value),
      ...(stages.length > 0 && { VersionStages: stages }),
      CreatedDate: new Date(createdAt),
    };
  };

  return {
    GetSecretValue: (input, { region }) => read(secrets.find(region, input.SecretId), input),

    BatchGetSecretValue: async (input, { region, refusedEntries }) => {
      const { SecretIdList: ids, Filters: filters } = input;
      if ((ids === undefined) === (filters === undefined)) {
        throw invalidParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.");
      }
      const SecretValues: object[] = [];
      const Errors: object[] = [];
      const add = async (SecretId: string, find: () => Secret) => {
        const refused = refusedEntries?.get(SecretId);
        if (refused) {
          Errors.push({ SecretId, ErrorCode: 'AccessDeniedException', Message: refused.message });
          return;
        }
        try {
          SecretValues.push(await read(find(), {}));
        } catch (error) {
          const answer = SECRETS_ANSWERS[(error as { code?: SecretsErrorCode }).code!];
          if (!answer) throw error;
          Errors.push({ SecretId, ErrorCode: answer.type, Message: messageOf(error) });
        }
      };
      if (ids) {
        for (const id of new Set<string>(ids)) await add(id, () => secrets.find(region, id));
        return { SecretValues, Errors };
      }
      const matches = secretFilter(filters);
      const found = secrets.list(region).filter((one) => one.deletedAt === undefined && matches(one));
      const { page, token } = pageOf(found, ({ name }) => name, paging(SECRETS_LIMITS.batchMax, input));
      for (const secret of page) await add(identityShape(secret).ARN, () => secret);
      return { SecretValues, Errors, ...(token !== undefined && { NextToken: token }) };
    },

    PutSecretValue: async (input, { region }) => {
      const { SecretId, ClientRequestToken: id = secrets.newId(), VersionStages: stages } = input;
      const value = givenValue(input);
      if (!value) throw invalidRequest('You must provide either SecretString or SecretBinary.');
      const found = secrets.usable(region, SecretId);
      const secret = await secrets.addValue(found, {
        id,
        value,
        ...(stages && { stages: [...new Set<string>(stages)] }),
      });
      return { ...identityShape(secret), VersionId: id, VersionStages: secret.versions[id]?.stages ?? [] };
    },

    UpdateSecretVersionStage: async (input, { region }) => {
      const { SecretId, VersionStage, RemoveFromVersionId: from, MoveToVersionId: to } = input;
      const changed = await secrets.change(secrets.usable(region, SecretId), (before) => {
        for (const id of [from, to]) {
          if (id !== undefined && !before.versions[id]) throw valueNotFound(`VersionId: ${id}`);
        }
        const versions = changeStage(before.versions, VersionStage, { from, to });
        return { secret: { ...before, versions, changedAt: clock.now() } };
      });
      return identityShape(changed);
    },

    ListSecretVersionIds: (input, { region }) => {
      const secret = secrets.find(region, input.SecretId);
      const versions = Object.entries(secret.versions)
        .filter(([, { stages }]) => input.IncludeDeprecated || stages.length > 0)
        .map(([id, facts]) => ({ id, facts, name: `${String(facts.createdAt).padStart(16, '0')}/${id}` }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const { page, token } = pageOf(versions, ({ name }) => name, paging(SECRETS_LIMITS.listMax, input));
      return {
        ...identityShape(secret),
        Versions: page.map(({ id, facts: { stages, accessedAt, createdAt } }) => ({
          VersionId: id,
          ...(stages.length > 0 && { VersionStages: stages }),
          ...(accessedAt !== undefined && { LastAccessedDate: new Date(accessedAt) }),
          CreatedDate: new Date(createdAt),
          KmsKeyIds: ['DefaultEncryptionKey'],
        })),
        ...(token !== undefined && { NextToken: token }),
      };
    },

    GetRandomPassword: (input) => ({ RandomPassword: randomPassword(input, random) }),
  };
}

/** The version that is asked for, and how to say that it is not there. @throws not-found, invalid-request */
function versionAsked(
  { versions }: Secret,
  { VersionId: id, VersionStage: stage }: { VersionId?: string; VersionStage?: string },
): { readonly id: string; readonly what: string } {
  if (id === undefined) {
    const what = `staging label: ${stage ?? CURRENT}`;
    const holder = holderOf(versions, stage ?? CURRENT);
    if (holder === undefined) throw valueNotFound(what);
    return { id: holder, what };
  }
  const what = `VersionId: ${id}`;
  if (!versions[id]) throw valueNotFound(what);
  if (stage !== undefined && !versions[id].stages.includes(stage)) {
    throw invalidRequest('You provided a VersionStage that is not associated to the provided VersionId.');
  }
  return { id, what };
}
