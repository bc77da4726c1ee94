import type { Operation } from '../../index.ts';
import { invalidParameter, LogsError } from '../errors.ts';
import type { Groups } from '../groups.ts';
import { type GroupRecord, LOGS_LIMITS } from '../model.ts';
import { checkGroupName, classOf, groupArn, groupShape, nameOfArn, page } from './shapes.ts';

const RETENTION_DAYS = new Set([
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]);

/** Log groups: create, delete, describe, retention, tags. */
export function groupOperations(groups: Groups): Record<string, Operation> {
  const setRetention = async (region: string, name: string, days: number | undefined) => {
    await groups.update(region, name, ({ retentionDays: _, ...before }) =>
      days === undefined ? before : { ...before, retentionDays: days },
    );
    return {};
  };
  const addTags = (region: string, name: string, more: Readonly<Record<string, string>>) =>
    groups.update(region, name, (before) => {
      const tags = { ...before.tags, ...more };
      if (Object.keys(tags).length > LOGS_LIMITS.tagsMax) {
        throw new LogsError('limit-exceeded', `A resource has at most ${LOGS_LIMITS.tagsMax} tags`);
      }
      return { ...before, tags };
    });
  const removeTags = (region: string, name: string, keys: readonly string[]) =>
    groups.update(region, name, (before) => ({
      ...before,
      tags: Object.fromEntries(Object.entries(before.tags).filter(([key]) => !keys.includes(key))),
    }));

  return {
    CreateLogGroup: async (input, { region }) => {
      const { tags, logGroupClass, kmsKeyId, deletionProtectionEnabled } = input;
      await groups.create(region, checkGroupName(input.logGroupName), {
        ...(tags && { tags }),
        ...(logGroupClass !== undefined && { logClass: logGroupClass }),
        ...(kmsKeyId !== undefined && { kmsKeyId }),
        ...(deletionProtectionEnabled && { isProtected: true }),
      });
      return {};
    },

    DeleteLogGroup: async ({ logGroupName }, { region }) => {
      await groups.delete(region, checkGroupName(logGroupName));
      return {};
    },

    DescribeLogGroups: (input, { region }) => {
      const { logGroupNamePrefix, logGroupNamePattern, logGroupIdentifiers, limit = 50, nextToken } = input;
      if (logGroupIdentifiers !== undefined && (logGroupNamePrefix ?? logGroupNamePattern) !== undefined) {
        throw invalidParameter('LogGroup identifiers are mutually exclusive with a name prefix or pattern.');
      }
      if (logGroupNamePrefix !== undefined && logGroupNamePattern !== undefined) {
        throw invalidParameter('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
      }
      const pattern = logGroupNamePattern?.toLowerCase();
      const names = logGroupIdentifiers && new Set((logGroupIdentifiers as string[]).map(nameOfArn));
      const found = groups
        .list(region, logGroupNamePrefix)
        .filter(({ name }) => pattern === undefined || name.toLowerCase().includes(pattern))
        .filter((group) => (names === undefined || names.has(group.name)) && isOfClass(group, input));
      const { items, ...next } = page(found, ({ name }) => name, nextToken, Math.min(limit, 50));
      return { logGroups: items.map((group) => groupShape(group, 0)), ...next };
    },

    PutLogGroupDeletionProtection: async ({ logGroupIdentifier, deletionProtectionEnabled }, { region }) => {
      await groups.update(region, nameOfArn(logGroupIdentifier), ({ isProtected: _, ...before }) =>
        deletionProtectionEnabled ? { ...before, isProtected: true } : before,
      );
      return {};
    },

    AssociateKmsKey: async (input, { region }) => {
      await groups.update(region, keyedGroup(input), (before) => ({ ...before, kmsKeyId: input.kmsKeyId }));
      return {};
    },

    DisassociateKmsKey: async (input, { region }) => {
      await groups.update(region, keyedGroup(input), ({ kmsKeyId: _, ...before }) => before);
      return {};
    },

    PutRetentionPolicy: ({ logGroupName, retentionInDays }, { region }) => {
      if (!RETENTION_DAYS.has(retentionInDays)) {
        throw invalidParameter(
          `1 validation error detected: Value '${retentionInDays}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${[...RETENTION_DAYS].join(', ')}]`,
        );
      }
      return setRetention(region, checkGroupName(logGroupName), retentionInDays);
    },

    DeleteRetentionPolicy: ({ logGroupName }, { region }) =>
      setRetention(region, checkGroupName(logGroupName), undefined),

    TagResource: async ({ resourceArn, tags }, { region }) => {
      await addTags(region, nameOfArn(resourceArn), tags);
      return {};
    },
    UntagResource: async ({ resourceArn, tagKeys }, { region }) => {
      await removeTags(region, nameOfArn(resourceArn), tagKeys);
      return {};
    },
    ListTagsForResource: ({ resourceArn }, { region }) => ({
      tags: groups.record(region, nameOfArn(resourceArn)).tags,
    }),
    TagLogGroup: async ({ logGroupName, tags }, { region }) => {
      await addTags(region, logGroupName, tags);
      return {};
    },
    UntagLogGroup: async ({ logGroupName, tags }, { region }) => {
      await removeTags(region, logGroupName, tags);
      return {};
    },
    ListTagsLogGroup: ({ logGroupName }, { region }) => ({ tags: groups.record(region, logGroupName).tags }),

    /** No group has data sources or indexes of fields: who asks for those gets none. */
    ListLogGroups: (input, { region }) => {
      const { logGroupNamePattern, logGroupTags, dataSources, fieldIndexNames, limit = 1000, nextToken } = input;
      const all = dataSources?.length || fieldIndexNames?.length ? [] : groups.list(region);
      const found = all
        .filter(({ name }) => logGroupNamePattern === undefined || new RegExp(escaped(logGroupNamePattern)).test(name))
        .filter((group) => isOfClass(group, input) && isTagged(group, logGroupTags));
      const { items, ...next } = page(found, ({ name }) => name, nextToken, Math.min(limit, 1000));
      const logGroups = items.map((group) => ({
        logGroupName: group.name,
        logGroupArn: groupArn(group),
        logGroupClass: classOf(group),
      }));
      return { logGroups, ...next };
    },
  };
}

/** Results of queries have no key: there are none. @throws invalid-parameter */
function keyedGroup({
  logGroupName,
  resourceIdentifier,
}: Record<'logGroupName' | 'resourceIdentifier', string>): string {
  if ((logGroupName === undefined) === (resourceIdentifier === undefined)) {
    throw invalidParameter('Exactly one of logGroupName and resourceIdentifier must be given.');
  }
  return checkGroupName(nameOfArn(logGroupName ?? resourceIdentifier));
}

function isOfClass(group: GroupRecord, { logGroupClass }: { readonly logGroupClass?: string }): boolean {
  return logGroupClass === undefined || classOf(group) === logGroupClass;
}

interface TagFilter {
  readonly key: string;
  readonly values?: readonly string[];
}

/** Every filter has to hold; one without values asks for the key alone. */
function isTagged({ tags }: GroupRecord, filters: readonly TagFilter[] = []): boolean {
  return filters.every(({ key, values = [] }) => {
    const value = tags[key];
    return value !== undefined && (values.length === 0 || values.some((pattern) => isLike(value, pattern)));
  });
}

/** `!` in front negates; `*` at an end stands for any text, and what is around it is told apart by no case. */
function isLike(value: string, pattern: string): boolean {
  if (pattern.startsWith('!')) return !isLike(value, pattern.slice(1));
  if (!pattern.includes('*')) return value === pattern;
  const text = pattern.replaceAll('*', '').toLowerCase();
  const found = value.toLowerCase();
  if (!pattern.startsWith('*')) return found.startsWith(text);
  return pattern.endsWith('*') ? found.includes(text) : found.endsWith(text);
}

/** AWS's pattern: plain text, or a prefix after `^`. */
function escaped(pattern: string): string {
  const text = pattern.startsWith('^') ? pattern.slice(1) : pattern;
  return (pattern.startsWith('^') ? '^' : '') + text.replace(/[\\^$.|?+()[\]{}*]/g, '\\$&');
}
