import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { LambdaError } from '../errors.ts';
import type { Functions } from '../functions.ts';
import type { EventInvokeConfig } from '../model.ts';
import { functionArn } from '../names.ts';
import { eventInvokeShape, type Named, named, page } from './shapes.ts';

interface EventInvokeInput {
  readonly FunctionName: string;
  readonly Qualifier?: string;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumEventAgeInSeconds?: number;
  readonly DestinationConfig?: {
    readonly OnSuccess?: { readonly Destination?: string };
    readonly OnFailure?: { readonly Destination?: string };
  };
}

/** Put, Update, Get, Delete and List of FunctionEventInvokeConfig. */
export function eventInvokeOperations(functions: Functions, clock: Clock): Record<string, Operation> {
  const configs = functions.eventInvokeConfigs;
  const keyOf = ({ region, name, qualifier = '$LATEST' }: Named) => `${region}/${name}/${qualifier}`;
  const put = async (where: Named, before: EventInvokeConfig | undefined, input: EventInvokeInput) => {
    const { region, name, qualifier } = where;
    functions.resolve(region, name, qualifier);
    const changed = { ...before, ...given(input) };
    const base = { region, functionName: name, qualifier: qualifier ?? '$LATEST', lastModified: clock.now() };
    await configs.put(keyOf(where), { ...changed, ...base });
    return eventInvokeShape(configs.get(keyOf(where))!);
  };
  const existing = (where: Named) => {
    functions.resolve(where.region, where.name, where.qualifier);
    const found = configs.get(keyOf(where));
    if (found) return found;
    const arn = functionArn(where.region, where.name, where.qualifier ?? '$LATEST');
    throw new LambdaError('resource-not-found', `The function ${arn} doesn't have an EventInvokeConfig`);
  };

  return {
    PutFunctionEventInvokeConfig: (input, context) => put(named(input, context), undefined, input),
    UpdateFunctionEventInvokeConfig: (input, context) => {
      const where = named(input, context);
      return put(where, existing(where), input);
    },
    GetFunctionEventInvokeConfig: (input, context) => eventInvokeShape(existing(named(input, context))),
    DeleteFunctionEventInvokeConfig: async (input, context) => {
      const where = named(input, context);
      existing(where);
      await configs.delete(keyOf(where));
      return {};
    },
    ListFunctionEventInvokeConfigs: (input, context) => {
      const { region, name } = named(input, context);
      functions.get(region, name);
      const all = configs.list(`${region}/${name}/`);
      const { items, ...next } = page(
        all,
        ({ qualifier }) => qualifier,
        input.Marker,
        Math.min(input.MaxItems ?? 50, 50),
      );
      return { FunctionEventInvokeConfigs: items.map(eventInvokeShape), ...next };
    },
  };
}

/** The members that a request gives; what it leaves out keeps the value it had, or has none. */
function given(input: EventInvokeInput): Partial<EventInvokeConfig> {
  const { MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = input;
  const onSuccess = DestinationConfig?.OnSuccess?.Destination;
  const onFailure = DestinationConfig?.OnFailure?.Destination;
  return {
    ...(MaximumRetryAttempts === undefined ? {} : { retriesMax: MaximumRetryAttempts }),
    ...(MaximumEventAgeInSeconds === undefined ? {} : { ageSecondsMax: MaximumEventAgeInSeconds }),
    ...(onSuccess === undefined ? {} : { onSuccess }),
    ...(onFailure === undefined ? {} : { onFailure }),
  };
}
