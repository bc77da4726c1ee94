import type { Operation } from '../../index.ts';
import { invalidParameter, LogsError } from '../errors.ts';
import type { Groups } from '../groups.ts';
import { LOGS_LIMITS } from '../model.ts';
import { checkGroupName, groupArn, groupShape, nameOfArn, page } from './shapes.ts';

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
    CreateLogGroup: async ({ logGroupName, tags = {} }, { region }) => {
      await groups.create(region, checkGroupName(logGroupName), tags);
      return {};
    },

    DeleteLogGroup: async ({ logGroupName }, { region }) => {
      await groups.delete(region, checkGroupName(logGroupName));
      return {};
    },

    DescribeLogGroups: (input, { region }) => {
      const { logGroupNamePrefix, logGroupNamePattern, limit = 50, nextToken } = input;
      if (logGroupNamePrefix !== undefined && logGroupNamePattern !== undefined) {
        throw invalidParameter('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
      }
      const pattern = logGroupNamePattern?.toLowerCase();
      const found = groups
        .list(region, logGroupNamePrefix)
        .filter(({ name }) => pattern === undefined || name.toLowerCase().includes(pattern));
      const { items, ...next } = page(found, ({ name }) => name, nextToken, Math.min(limit, 50));
      return { logGroups: items.map((group) => groupShape(group, 0)), ...next };
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

    /** Only names and ARNs: what `ListLogGroups` adds are classes and accounts, of which there is one each. */
    ListLogGroups: (input, { region }) => {
      const { logGroupNamePattern, limit = 1000, nextToken } = input;
      const found = groups
        .list(region)
        .filter(({ name }) => logGroupNamePattern === undefined || new RegExp(escaped(logGroupNamePattern)).test(name));
      const { items, ...next } = page(found, ({ name }) => name, nextToken, Math.min(limit, 1000));
      const logGroups = items.map((group) => ({
        logGroupName: group.name,
        logGroupArn: groupArn(group),
        logGroupClass: 'STANDARD',
      }));
      return { logGroups, ...next };
    },
  };
}

/** AWS's pattern: plain text, or a prefix after `^`. */
function escaped(pattern: string): string {
  const text = pattern.startsWith('^') ? pattern.slice(1) : pattern;
  return (pattern.startsWith('^') ? '^' : '') + text.replace(/[\\^$.|?+()[\]{}*]/g, '\\$&');
}
