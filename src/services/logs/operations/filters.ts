import { type Clock, parseArn } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { invalidParameter, LogsError } from '../errors.ts';
import { compilePattern, compileSelector } from '../filter-pattern.ts';
import type { Groups } from '../groups.ts';
import {
  type GroupRecord,
  LOGS_LIMITS,
  type MetricFilter,
  type MetricTransformation,
  type SubscriptionFilter,
} from '../model.ts';
import type { AskSubscriber } from '../subscribers.ts';
import { type Subscriptions, sourceOf } from '../subscriptions.ts';
import { checkGroupName, page } from './shapes.ts';

const PAGE = 50;

/** Subscription filters and metric filters: put, delete, describe. */
export function filterOperations(
  groups: Groups,
  subscriptions: Subscriptions,
  ask: AskSubscriber,
  clock: Clock,
): Record<string, Operation> {
  return {
    PutSubscriptionFilter: async (input, { region }) => {
      const name = checkGroupName(input.logGroupName);
      const record = groups.record(region, name);
      refuseUnbuilt(input);
      compilePattern(input.filterPattern);
      const { destinationArn, roleArn } = input;
      await checkDestination(destinationArn, sourceOf(record), roleArn, ask);
      const { end } = await groups.get(region, name);
      await groups.update(region, name, (before) => {
        const others = (before.subscriptionFilters ?? []).filter((filter) => filter.name !== input.filterName);
        if (others.length >= LOGS_LIMITS.subscriptionFiltersMax) throw limitExceeded();
        const known = before.subscriptionFilters?.find((filter) => filter.name === input.filterName);
        const filter: SubscriptionFilter = {
          name: input.filterName,
          pattern: input.filterPattern,
          destinationArn,
          ...(roleArn !== undefined && { roleArn }),
          distribution: input.distribution ?? 'ByLogStream',
          createdAt: known?.createdAt ?? clock.now(),
          from: known?.from ?? end,
        };
        return { ...before, subscriptionFilters: [...others, filter] };
      });
      subscriptions.wake(groups.record(region, name));
      return {};
    },

    DeleteSubscriptionFilter: async ({ logGroupName, filterName }, { region }) => {
      const name = checkGroupName(logGroupName);
      const record = groups.record(region, name);
      await groups.update(region, name, (before) => ({
        ...before,
        subscriptionFilters: without(before.subscriptionFilters, filterName),
      }));
      await subscriptions.forget(record, filterName);
      return {};
    },

    DescribeSubscriptionFilters: ({ logGroupName, filterNamePrefix = '', nextToken, limit = PAGE }, { region }) => {
      const record = groups.record(region, checkGroupName(logGroupName));
      const found = sorted(record.subscriptionFilters).filter(({ name }) => name.startsWith(filterNamePrefix));
      const { items, ...next } = page(found, ({ name }) => name, nextToken, limit);
      return { subscriptionFilters: items.map((filter) => subscriptionShape(record, filter)), ...next };
    },

    PutMetricFilter: async (input, { region }) => {
      const name = checkGroupName(input.logGroupName);
      refuseUnbuilt(input);
      compilePattern(input.filterPattern);
      const transformations: readonly MetricTransformation[] = input.metricTransformations;
      for (const one of transformations) checkTransformation(one);
      await groups.update(region, name, (before) => {
        const others = (before.metricFilters ?? []).filter((filter) => filter.name !== input.filterName);
        if (others.length >= LOGS_LIMITS.metricFiltersMax) throw limitExceeded();
        const filter = {
          name: input.filterName,
          pattern: input.filterPattern,
          transformations,
          createdAt: clock.now(),
        };
        return { ...before, metricFilters: [...others, filter] };
      });
      return {};
    },

    DeleteMetricFilter: async ({ logGroupName, filterName }, { region }) => {
      await groups.update(region, checkGroupName(logGroupName), (before) => ({
        ...before,
        metricFilters: without(before.metricFilters, filterName),
      }));
      return {};
    },

    DescribeMetricFilters: (input, { region }) => {
      const { logGroupName, filterNamePrefix = '', metricName, metricNamespace, nextToken, limit = PAGE } = input;
      if ((metricName === undefined) !== (metricNamespace === undefined)) {
        throw invalidParameter('metricName and metricNamespace must be given together.');
      }
      const records =
        logGroupName === undefined ? groups.list(region) : [groups.record(region, checkGroupName(logGroupName))];
      const makes = ({ transformations }: MetricFilter) =>
        metricName === undefined ||
        transformations.some((one) => one.metricName === metricName && one.metricNamespace === metricNamespace);
      const found = records.flatMap((record) =>
        sorted(record.metricFilters)
          .filter((filter) => filter.name.startsWith(filterNamePrefix) && makes(filter))
          .map((filter) => ({ record, filter })),
      );
      const keyOf = ({ record, filter }: (typeof found)[number]) => `${record.name}/${filter.name}`;
      const { items, ...next } = page(found, keyOf, nextToken, limit);
      return { metricFilters: items.map(({ record, filter }) => metricShape(record, filter)), ...next };
    },
  };
}

/** What a filter cannot do here would be passed over in silence. */
function refuseUnbuilt(input: Readonly<Record<string, any>>): void {
  const unbuilt = ['fieldSelectionCriteria', 'emitSystemFields', 'emitSystemFieldDimensions'];
  const used = unbuilt.find((name) => input[name] !== undefined && input[name].length > 0);
  if (used) throw invalidParameter(`${used} is not built in Millrace`);
  if (input.applyOnTransformedLogs) throw invalidParameter('applyOnTransformedLogs is not built in Millrace');
}

async function checkDestination(
  arn: string,
  sourceArn: string,
  roleArn: string | undefined,
  ask: AskSubscriber,
): Promise<void> {
  const service = parseArn(arn)?.service;
  if (service !== 'lambda' && service !== 'kinesis') {
    throw invalidParameter(
      service === 'firehose' || service === 'logs'
        ? `Subscriptions to ${service} are not built in Millrace; lambda and kinesis are`
        : 'destinationArn is not that of a function or stream',
    );
  }
  if (service === 'kinesis' && roleArn === undefined) {
    throw invalidParameter('destinationArn for vendor kinesis can only be used with roleArn');
  }
  if ((await ask(arn, sourceArn, roleArn)) === 'open') return;
  throw invalidParameter(
    service === 'lambda'
      ? 'Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.'
      : 'Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state.',
  );
}

function checkTransformation({ metricNamespace, metricValue, defaultValue, dimensions }: MetricTransformation): void {
  // As for PutMetricData: what the platform says of itself nobody else says.
  if (metricNamespace.startsWith('AWS/')) {
    throw invalidParameter(`Invalid metric namespace: ${metricNamespace}: those that begin with AWS/ are reserved`);
  }
  const isNumber = metricValue.trim() !== '' && Number.isFinite(Number(metricValue));
  if (!isNumber && !compileSelector(metricValue)) throw invalidParameter(`Invalid metric value: ${metricValue}`);
  const entries = Object.entries(dimensions ?? {});
  if (entries.length === 0) return;
  if (entries.length > LOGS_LIMITS.dimensionsMax) {
    throw invalidParameter(`A metric has at most ${LOGS_LIMITS.dimensionsMax} dimensions`);
  }
  if (defaultValue !== undefined) {
    throw invalidParameter(
      'Invalid metric transformation: dimensions and default value are mutually exclusive properties.',
    );
  }
  const wrong = entries.find(([, selector]) => !compileSelector(selector));
  if (wrong) throw invalidParameter(`Invalid value of the dimension ${wrong[0]}: ${wrong[1]}`);
}

function without<T extends { readonly name: string }>(filters: readonly T[] = [], name: string): readonly T[] {
  const left = filters.filter((filter) => filter.name !== name);
  if (left.length === filters.length) {
    throw new LogsError('resource-not-found', 'The specified filter does not exist.');
  }
  return left;
}

function sorted<T extends { readonly name: string }>(filters: readonly T[] = []): readonly T[] {
  return [...filters].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const limitExceeded = () => new LogsError('limit-exceeded', 'Resource limit exceeded.');

function subscriptionShape(record: GroupRecord, filter: SubscriptionFilter): object {
  const { name, pattern, destinationArn, roleArn, distribution, createdAt } = filter;
  return {
    filterName: name,
    logGroupName: record.name,
    filterPattern: pattern,
    destinationArn,
    ...(roleArn !== undefined && { roleArn }),
    distribution,
    applyOnTransformedLogs: false,
    creationTime: createdAt,
  };
}

function metricShape(record: GroupRecord, { name, pattern, transformations, createdAt }: MetricFilter): object {
  return {
    filterName: name,
    logGroupName: record.name,
    filterPattern: pattern,
    metricTransformations: transformations,
    applyOnTransformedLogs: false,
    creationTime: createdAt,
  };
}
