import { type Clock, hasCode, parseArn } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { invalidParameter, LambdaError } from '../errors.ts';
import type { Functions } from '../functions.ts';
import type { EventInvokeConfig } from '../model.ts';
import { functionArn, parseReference } from '../names.ts';
import type { Sending } from '../sending.ts';
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

/** Services that take invocation records. */
const DESTINATIONS = new Set(['lambda', 'sns', 'sqs', 's3']);

/**
 * Put, Update, Get, Delete and List of FunctionEventInvokeConfig. Ranges of numbers and the form of ARNs are checked before.
 *
 * A function's own configuration and that of `$LATEST` are one; versions and aliases have theirs and inherit nothing.
 */
export function eventInvokeOperations(functions: Functions, clock: Clock, sending: Sending): Record<string, Operation> {
  const configs = functions.eventInvokeConfigs;
  const keyOf = ({ region, name, qualifier = '$LATEST' }: Named) => `${region}/${name}/${qualifier}`;
  const put = async (where: Named, before: EventInvokeConfig | undefined, changed: Partial<EventInvokeConfig>) => {
    const { region, name, qualifier = '$LATEST' } = where;
    const base = { region, functionName: name, qualifier, lastModified: clock.now() };
    await configs.put(keyOf(where), withoutEmpty({ ...before, ...changed, ...base }));
    return eventInvokeShape(configs.get(keyOf(where))!);
  };
  const existing = (where: Named) => {
    const found = configs.get(keyOf(where));
    if (found) return found;
    const arn = functionArn(where.region, where.name, where.qualifier ?? '$LATEST');
    throw new LambdaError('resource-not-found', `The function ${arn} doesn't have an EventInvokeConfig`);
  };
  /** What a request asks for. @throws invalid-parameter, resource-not-found */
  const asked = async (input: EventInvokeInput, where: Named) => {
    const changed = given(input);
    if (Object.keys(changed).length === 0) {
      throw invalidParameter('You must specify at least one of error handling or destination setting.');
    }
    checkExists(functions, where);
    checkDestinations(functions, where, changed);
    const { role } = functions.resolve(where.region, where.name, where.qualifier).version;
    await sending.checkDestinations({ name: where.name, role }, [changed.onSuccess, changed.onFailure]);
    return changed;
  };

  return {
    PutFunctionEventInvokeConfig: async (input, context) => {
      const where = named(input, context);
      return put(where, undefined, await asked(input, where));
    },
    UpdateFunctionEventInvokeConfig: async (input, context) => {
      const where = named(input, context);
      const changed = await asked(input, where);
      return put(where, existing(where), changed);
    },
    GetFunctionEventInvokeConfig: (input, context) => eventInvokeShape(existing(named(input, context))),
    DeleteFunctionEventInvokeConfig: async (input, context) => {
      const where = named(input, context);
      existing(where);
      await configs.delete(keyOf(where));
      return {};
    },
    ListFunctionEventInvokeConfigs: (input, context) => {
      const { region, name, qualifier } = named(input, context);
      if (qualifier !== undefined) {
        throw invalidParameter('The function name must not include a version number or alias.');
      }
      checkExists(functions, { region, name });
      const all = configs.list(`${region}/${name}/`);
      const limit = Math.min(input.MaxItems ?? LIST_MAX, LIST_MAX);
      const { items, ...next } = page(all, (config) => config.qualifier, input.Marker, limit);
      return { FunctionEventInvokeConfigs: items.map(eventInvokeShape), ...next };
    },
  };
}

/** Configurations of one page. */
const LIST_MAX = 50;

/** The members that a request gives; what it leaves out keeps the value it had, or has none. An empty destination takes it away. */
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

function withoutEmpty({ onSuccess, onFailure, ...rest }: EventInvokeConfig): EventInvokeConfig {
  return { ...rest, ...(onSuccess ? { onSuccess } : {}), ...(onFailure ? { onFailure } : {}) };
}

/** @throws resource-not-found */
function checkExists(functions: Functions, { region, name, qualifier }: Named): void {
  try {
    functions.resolve(region, name, qualifier);
  } catch (error) {
    if (!hasCode(error, 'function-not-found')) throw error;
    throw new LambdaError('resource-not-found', "The function doesn't exist.");
  }
}

/** @throws invalid-parameter */
function checkDestinations(
  functions: Functions,
  where: Named,
  { onSuccess, onFailure }: Partial<EventInvokeConfig>,
): void {
  for (const arn of [onSuccess, onFailure]) if (arn) checkDestination(functions, where, arn);
  const service = (arn: string | undefined) => (arn ? parseArn(arn)?.service : undefined);
  const isTaken = (arn: string | undefined) => !arn || DESTINATIONS.has(service(arn) ?? '');
  // A record of a success goes to no bucket.
  if (isTaken(onSuccess) && isTaken(onFailure) && service(onSuccess) !== 's3') return;
  const part = (name: string, arn: string | undefined) => (arn ? `${name}(destination=${arn})` : 'null');
  throw invalidParameter(
    `The provided destination config DestinationConfig(onSuccess=${part('OnSuccess', onSuccess)}, onFailure=${part('OnFailure', onFailure)}) is invalid.`,
  );
}

/** @throws invalid-parameter */
function checkDestination(functions: Functions, { region, name }: Named, arn: string): void {
  const service = parseArn(arn)?.service;
  if (service === 'events') {
    throw invalidParameter(
      `The destination ARN ${arn} is an event bus, and EventBridge is not built here: use a queue, a topic, a function or a bucket.`,
    );
  }
  if (service !== 'lambda') return;
  const to = parseReference(arn);
  if (to.name === name && (to.region ?? region) === region) {
    throw invalidParameter("You can't specify the function as a destination for itself.");
  }
  if (!functions.find(to.region ?? region, to.name)) throw invalidParameter(`The destination ARN ${arn} is invalid.`);
}
