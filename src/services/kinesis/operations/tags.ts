import type {
  AddTagsToStreamInput,
  ListTagsForResourceInput,
  ListTagsForStreamInput,
  RemoveTagsFromStreamInput,
  TagResourceInput,
  UntagResourceInput,
} from '@aws-sdk/client-kinesis';
import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { KinesisError } from '../errors.ts';
import { KINESIS_LIMITS } from '../limits.ts';
import type { StreamState } from '../state.ts';
import type { Stream } from '../stream.ts';
import type { Streams } from '../streams.ts';
import { consumerArn } from './consumers.ts';
import type { KinesisParts } from './context.ts';

type Tags = Readonly<Record<string, string>>;

/** Tags of streams and of consumers, by both generations of the API. */
export function tagOperations({ streams }: KinesisParts) {
  const AddTagsToStream: Operation<AddTagsToStreamInput> = async (input, { region }) => {
    await change(streams, streams.resolve(region, input), undefined, (tags) => added(tags, input.Tags!));
    return {};
  };

  const RemoveTagsFromStream: Operation<RemoveTagsFromStreamInput> = async (input, { region }) => {
    await change(streams, streams.resolve(region, input), undefined, (tags) => without(tags, input.TagKeys!));
    return {};
  };

  const ListTagsForStream: Operation<ListTagsForStreamInput> = (input, { region }) => {
    const { tags } = streams.resolve(region, input).state;
    const all = toList(tags).filter(({ Key }) => Key > (input.ExclusiveStartTagKey ?? ''));
    const page = all.slice(0, input.Limit ?? KINESIS_LIMITS.tagsPerStreamMax);
    return { Tags: page, HasMoreTags: page.length < all.length };
  };

  const TagResource: Operation<TagResourceInput> = async (input, { region }) => {
    const stream = streams.resolve(region, { StreamARN: input.ResourceARN });
    await change(streams, stream, input.ResourceARN, (tags) => added(tags, input.Tags!));
    return {};
  };

  const UntagResource: Operation<UntagResourceInput> = async (input, { region }) => {
    const stream = streams.resolve(region, { StreamARN: input.ResourceARN });
    await change(streams, stream, input.ResourceARN, (tags) => without(tags, input.TagKeys!));
    return {};
  };

  const ListTagsForResource: Operation<ListTagsForResourceInput> = (input, { region }) => {
    const stream = streams.resolve(region, { StreamARN: input.ResourceARN });
    return { Tags: toList(tagsOf(stream, stream.state, input.ResourceARN)) };
  };

  return { AddTagsToStream, RemoveTagsFromStream, ListTagsForStream, TagResource, UntagResource, ListTagsForResource };
}

const toList = (tags: Tags) =>
  Object.entries(tags)
    .map(([Key, Value]) => ({ Key, Value }))
    .sort((a, b) => (a.Key < b.Key ? -1 : 1));

function tagsOf(stream: Stream, state: StreamState, arn: string | undefined): Tags {
  if (arn === undefined || arn === stream.arn) return state.tags;
  const consumer = state.consumers.find((one) => consumerArn(stream, one) === arn);
  if (consumer) return consumer.tags;
  throw new KinesisError(
    'consumer-not-found',
    `Consumer ${arn}, part of stream ${stream.name} under account ${ACCOUNT_ID} not found.`,
  );
}

/** @param arn  of the stream or one of its consumers; the stream when it is absent */
async function change(
  streams: Streams,
  stream: Stream,
  arn: string | undefined,
  decide: (tags: Tags) => Tags,
): Promise<void> {
  await streams.update(stream, (state) => {
    const tags = decide(tagsOf(stream, state, arn));
    if (arn === undefined || arn === stream.arn) return { ...state, tags };
    const consumers = state.consumers.map((one) => (consumerArn(stream, one) === arn ? { ...one, tags } : one));
    return { ...state, consumers };
  });
}

function added(tags: Tags, more: Tags): Tags {
  const all = { ...tags, ...more };
  if (Object.keys(all).length <= KINESIS_LIMITS.tagsPerStreamMax) return all;
  throw new KinesisError(
    'invalid-argument',
    `Failed to add tags to stream under account ${ACCOUNT_ID} because a given stream cannot have more than ${KINESIS_LIMITS.tagsPerStreamMax} tags associated with it.`,
  );
}

const without = (tags: Tags, keys: readonly string[]): Tags =>
  Object.fromEntries(Object.entries(tags).filter(([name]) => !keys.includes(name)));
