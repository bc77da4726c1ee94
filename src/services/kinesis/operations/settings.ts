import type {
  DecreaseStreamRetentionPeriodInput,
  DeleteResourcePolicyInput,
  DisableEnhancedMonitoringInput,
  EnableEnhancedMonitoringInput,
  GetResourcePolicyInput,
  IncreaseStreamRetentionPeriodInput,
  PutResourcePolicyInput,
} from '@aws-sdk/client-kinesis';
import type { Operation } from '../../index.ts';
import { invalidArgument, KinesisError } from '../errors.ts';
import { KINESIS_LIMITS } from '../limits.ts';
import { SHARD_METRICS, type ShardMetric } from '../state.ts';
import type { Stream } from '../stream.ts';
import type { KinesisParts } from './context.ts';

/** What a stream is set to beside its shards: retention, monitoring, resource policies. */
export function settingOperations({ streams }: KinesisParts) {
  const IncreaseStreamRetentionPeriod: Operation<IncreaseStreamRetentionPeriodInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    const hours = input.RetentionPeriodHours!;
    checkRetention(hours);
    await streams.update(stream, (state) => {
      if (hours < state.retentionHours) {
        throw invalidArgument(
          `Requested retention period (${hours} hours) for stream ${stream.name} can not be shorter than existing retention period ` +
            `(${state.retentionHours} hours). Use DecreaseRetentionPeriod API.`,
        );
      }
      return { ...state, retentionHours: hours };
    });
    return {};
  };

  const DecreaseStreamRetentionPeriod: Operation<DecreaseStreamRetentionPeriodInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    const hours = input.RetentionPeriodHours!;
    checkRetention(hours);
    await streams.update(stream, (state) => {
      if (hours > state.retentionHours) {
        throw invalidArgument(
          `Requested retention period (${hours} hours) for stream ${stream.name} can not be longer than existing retention period ` +
            `(${state.retentionHours} hours). Use IncreaseRetentionPeriod API.`,
        );
      }
      return { ...state, retentionHours: hours };
    });
    return {};
  };

  const EnableEnhancedMonitoring: Operation<EnableEnhancedMonitoringInput> = (input, { region }) =>
    setMonitoring(streams.resolve(region, input), (current) =>
      SHARD_METRICS.filter((name) => current.includes(name) || isNamed(input.ShardLevelMetrics!, name)),
    );

  const DisableEnhancedMonitoring: Operation<DisableEnhancedMonitoringInput> = (input, { region }) =>
    setMonitoring(streams.resolve(region, input), (current) =>
      current.filter((name) => !isNamed(input.ShardLevelMetrics!, name)),
    );

  async function setMonitoring(stream: Stream, decide: (current: readonly ShardMetric[]) => readonly ShardMetric[]) {
    let before: readonly ShardMetric[] = [];
    const { monitoring } = await streams.update(stream, (state) => {
      before = state.monitoring;
      return { ...state, monitoring: decide(before) };
    });
    return {
      StreamName: stream.name,
      StreamARN: stream.arn,
      CurrentShardLevelMetrics: before,
      DesiredShardLevelMetrics: monitoring,
    };
  }

  const PutResourcePolicy: Operation<PutResourcePolicyInput> = async (input, { region }) => {
    const stream = streams.resolve(region, { StreamARN: input.ResourceARN });
    checkPolicy(input.Policy!);
    await streams.update(stream, (state) => ({
      ...state,
      policies: { ...state.policies, [input.ResourceARN!]: input.Policy! },
    }));
    return {};
  };

  const GetResourcePolicy: Operation<GetResourcePolicyInput> = (input, { region }) => {
    const stream = streams.resolve(region, { StreamARN: input.ResourceARN });
    const Policy = stream.state.policies[input.ResourceARN!];
    if (Policy !== undefined) return { Policy };
    throw policyNotFound(input.ResourceARN!);
  };

  const DeleteResourcePolicy: Operation<DeleteResourcePolicyInput> = async (input, { region }) => {
    const stream = streams.resolve(region, { StreamARN: input.ResourceARN });
    await streams.update(stream, (state) => {
      const { [input.ResourceARN!]: removed, ...policies } = state.policies;
      if (removed === undefined) throw policyNotFound(input.ResourceARN!);
      return { ...state, policies };
    });
    return {};
  };

  return {
    IncreaseStreamRetentionPeriod,
    DecreaseStreamRetentionPeriod,
    EnableEnhancedMonitoring,
    DisableEnhancedMonitoring,
    PutResourcePolicy,
    GetResourcePolicy,
    DeleteResourcePolicy,
  };
}

const isNamed = (asked: readonly string[], name: string) => asked.includes('ALL') || asked.includes(name);

function checkRetention(hours: number): void {
  const { retentionHoursMin, retentionHoursMax } = KINESIS_LIMITS;
  if (hours < retentionHoursMin) {
    throw invalidArgument(
      `Minimum allowed retention period is ${retentionHoursMin} hours. Requested retention period (${hours} hours) is too short.`,
    );
  }
  if (hours > retentionHoursMax) {
    throw invalidArgument(
      `Maximum allowed retention period is ${retentionHoursMax} hours. Requested retention period (${hours} hours) is too long.`,
    );
  }
}

function checkPolicy(policy: string): void {
  try {
    if (typeof JSON.parse(policy) === 'object') return;
  } catch {
    // Falls through to the refusal.
  }
  throw invalidArgument('The resource policy is not valid JSON.');
}

const policyNotFound = (arn: string) =>
  new KinesisError('policy-not-found', `No resource policy was found for resource ${arn}.`);
