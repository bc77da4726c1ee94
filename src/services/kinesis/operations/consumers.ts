import type {
  DeregisterStreamConsumerInput,
  DescribeStreamConsumerInput,
  ListStreamConsumersInput,
  RegisterStreamConsumerInput,
  SubscribeToShardInput,
} from '@aws-sdk/client-kinesis';
import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { invalidArgument, KinesisError } from '../errors.ts';
import { KINESIS_LIMITS } from '../limits.ts';
import { startingOffset } from '../position.ts';
import type { ConsumerState } from '../state.ts';
import type { Stream } from '../stream.ts';
import { decodeToken, encodeToken } from '../tokens.ts';
import type { KinesisParts } from './context.ts';

/** Enhanced fan-out: consumers of their own, and their subscriptions. */
export function consumerOperations({ streams, subscriptions, clock }: KinesisParts) {
  const RegisterStreamConsumer: Operation<RegisterStreamConsumerInput> = async (input, { region }) => {
    const stream = streams.resolve(region, input);
    const consumer: ConsumerState = {
      name: input.ConsumerName!,
      createdAt: Math.floor(clock.now() / 1000),
      tags: input.Tags ?? {},
    };
    await streams.update(stream, (state) => {
      if (state.consumers.some(({ name }) => name === consumer.name)) throw consumerExists(stream, consumer.name);
      if (state.consumers.length >= KINESIS_LIMITS.consumersPerStreamMax) {
        throw new KinesisError(
          'limit-exceeded',
          `Consumer limit of ${KINESIS_LIMITS.consumersPerStreamMax} reached for stream ${stream.name} under account ${ACCOUNT_ID}.`,
        );
      }
      return { ...state, consumers: [...state.consumers, consumer] };
    });
    return { Consumer: toConsumer(stream, consumer) };
  };

  const DeregisterStreamConsumer: Operation<DeregisterStreamConsumerInput> = async (input, { region }) => {
    const { stream, consumer } = find(input, region);
    await streams.update(stream, (state) => ({
      ...state,
      consumers: state.consumers.filter(({ name }) => name !== consumer.name),
    }));
    return {};
  };

  const DescribeStreamConsumer: Operation<DescribeStreamConsumerInput> = (input, { region }) => {
    const { stream, consumer } = find(input, region);
    return { ConsumerDescription: { ...toConsumer(stream, consumer), StreamARN: stream.arn } };
  };

  const ListStreamConsumers: Operation<ListStreamConsumersInput> = (input, { region }) => {
    const stream = streams.resolve(region, input);
    const now = clock.now();
    const after = input.NextToken === undefined ? '' : decodeToken<{ after: string }>(input.NextToken, now).after;
    const all = stream.state.consumers.filter(({ name }) => name > after).sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = all.slice(0, input.MaxResults ?? 100);
    const more = page.length < all.length;
    return {
      Consumers: page.map((consumer) => toConsumer(stream, consumer)),
      ...(more && { NextToken: encodeToken({ after: page.at(-1)!.name }, now) }),
    };
  };

  const SubscribeToShard: Operation<SubscribeToShardInput> = async (input, { region, signal }) => {
    const { stream, consumer } = find({ ConsumerARN: input.ConsumerARN }, region);
    const shard = stream.shard(input.ShardId!);
    const { Type, SequenceNumber, Timestamp } = input.StartingPosition!;
    const point = {
      type: Type!,
      sequenceNumber: SequenceNumber,
      timestamp: Timestamp,
      operation: 'SubscribeToShard',
    };
    const from = await startingOffset(shard, stream.name, point, clock.now());
    if (input.DryRun) {
      throw new KinesisError('dry-run', 'Request would have succeeded, but DryRun flag is set.');
    }
    return { EventStream: subscriptions.open(stream, shard, consumerArn(stream, consumer), from, signal) };
  };

  function find(input: DescribeStreamConsumerInput, region: string) {
    const { ConsumerARN, ConsumerName, StreamARN } = input;
    if (ConsumerARN === undefined && (ConsumerName === undefined || StreamARN === undefined)) {
      throw invalidArgument('Either ConsumerARN, or both StreamARN and ConsumerName, should be provided.');
    }
    const stream = streams.resolve(region, { StreamARN: ConsumerARN ?? StreamARN });
    const consumer =
      ConsumerARN === undefined
        ? stream.state.consumers.find(({ name }) => name === ConsumerName)
        : consumerOf(stream, ConsumerARN);
    if (consumer) return { stream, consumer };
    throw new KinesisError(
      'consumer-not-found',
      `Consumer ${ConsumerARN ?? ConsumerName}, part of stream ${stream.name} under account ${ACCOUNT_ID} not found.`,
    );
  }

  return {
    RegisterStreamConsumer,
    DeregisterStreamConsumer,
    DescribeStreamConsumer,
    ListStreamConsumers,
    SubscribeToShard,
  };
}

export const consumerArn = (stream: Stream, { name, createdAt }: ConsumerState) =>
  `${stream.arn}/consumer/${name}:${createdAt}`;

function toConsumer(stream: Stream, consumer: ConsumerState) {
  return {
    ConsumerName: consumer.name,
    ConsumerARN: consumerArn(stream, consumer),
    ConsumerStatus: 'ACTIVE',
    ConsumerCreationTimestamp: new Date(consumer.createdAt * 1000),
  };
}

function consumerExists(stream: Stream, name: string): KinesisError {
  return new KinesisError(
    'in-use',
    `Consumer ${name} under stream ${stream.name} already exists for account ${ACCOUNT_ID}.`,
  );
}

/** The consumer that an ARN names. */
export function consumerOf(stream: Stream, arn: string): ConsumerState | undefined {
  return stream.state.consumers.find((one) => consumerArn(stream, one) === arn);
}
