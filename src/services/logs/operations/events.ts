import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import type { EmbeddedMetrics } from '../embedded-metrics.ts';
import { invalidParameter, streamNotFound } from '../errors.ts';
import { compilePattern } from '../filter-pattern.ts';
import type { ReadLimits } from '../group.ts';
import type { Groups } from '../groups.ts';
import { LOGS_LIMITS, type LogEvent, type StoredEvent } from '../model.ts';
import { batchesOf } from '../sink.ts';
import {
  backwardToken,
  checkGroupName,
  checkStreamName,
  eventShape,
  forwardToken,
  groupName,
  parseNumber,
  parseToken,
  tokenNumber,
} from './shapes.ts';

/** PutLogEvents, GetLogEvents, FilterLogEvents. */
export function eventOperations(groups: Groups, clock: Clock, embedded: EmbeddedMetrics): Record<string, Operation> {
  return {
    PutLogEvents: async ({ logGroupName, logStreamName, logEvents }, { region }) => {
      const name = checkGroupName(logGroupName);
      const group = await groups.get(region, name);
      if (!group.streams.has(checkStreamName(logStreamName))) throw streamNotFound();
      checkBatch(logEvents);
      const { retentionDays } = groups.record(region, name);
      const { accepted, rejected } = sortOut(logEvents, clock.now(), retentionDays);
      if (accepted.length > 0) await group.append(batchesOf(logStreamName, accepted));
      for (const { message } of accepted) embedded.read(name, message);
      const { lastOffset = 0 } = group.streams.get(logStreamName) ?? {};
      return {
        nextSequenceToken: tokenNumber({ offset: lastOffset, index: 0 }),
        ...(rejected ? { rejectedLogEventsInfo: rejected } : {}),
      };
    },

    GetLogEvents: async (input, { region }) => {
      const group = await groups.get(region, groupName(input));
      const stream = checkStreamName(input.logStreamName);
      const limits = limitsOf(input);
      const token = input.nextToken === undefined ? undefined : parseToken(input.nextToken);
      const forward = token ? token.direction === 'f' : input.startFromHead === true;
      if (forward) {
        const { events, after } = await group.readStream(stream, token?.position, limits);
        return {
          events: events.map(eventShape),
          nextForwardToken: forwardToken(after),
          nextBackwardToken: backwardToken(events[0]?.position ?? token?.position ?? after),
        };
      }
      const events = await group.readStreamBack(stream, token?.position, limits);
      const last = events.at(-1)?.position;
      const { lastOffset } = group.streams.get(stream)!;
      const end = last
        ? { offset: last.offset, index: last.index + 1 }
        : (token?.position ?? { offset: (lastOffset ?? -1) + 1, index: 0 });
      return {
        events: events.map(eventShape),
        nextForwardToken: forwardToken(end),
        nextBackwardToken: backwardToken(events[0]?.position ?? token?.position ?? end),
      };
    },

    FilterLogEvents: async (input, { region }) => {
      const group = await groups.get(region, groupName(input));
      const matches = compilePattern(input.filterPattern ?? '');
      const from = input.nextToken === undefined ? undefined : parseNumber(input.nextToken);
      const { events, after, more } = await group.filter(from, streamFilter(input), matches, limitsOf(input));
      const shown = [...events].sort((a, b) => a.timestamp - b.timestamp);
      return {
        events: shown.map(filteredShape),
        searchedLogStreams: [],
        ...(more ? { nextToken: tokenNumber(after) } : {}),
      };
    },
  };
}

function filteredShape(event: StoredEvent) {
  return { logStreamName: event.stream, ...eventShape(event), eventId: tokenNumber(event.position) };
}

/** What GetLogEvents and FilterLogEvents have in common. */
interface ReadInput {
  readonly limit?: number;
  readonly startTime?: number;
  readonly endTime?: number;
  readonly logStreamNames?: readonly string[];
  readonly logStreamNamePrefix?: string;
}

function limitsOf({ limit = LOGS_LIMITS.answerEventsMax, startTime, endTime }: ReadInput): ReadLimits {
  return {
    eventsMax: Math.min(limit, LOGS_LIMITS.answerEventsMax),
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
  };
}

function streamFilter({ logStreamNames, logStreamNamePrefix }: ReadInput): (name: string) => boolean {
  if (logStreamNames !== undefined && logStreamNamePrefix !== undefined) {
    throw invalidParameter('logStreamNames and logStreamNamePrefix are mutually exclusive parameters.');
  }
  if (logStreamNames) {
    const names = new Set<string>(logStreamNames);
    return (name) => names.has(name);
  }
  return (name) => name.startsWith(logStreamNamePrefix ?? '');
}

function checkBatch(events: readonly LogEvent[]): void {
  let bytes = 0;
  for (const [index, { timestamp, message }] of events.entries()) {
    const size = Buffer.byteLength(message) + LOGS_LIMITS.eventOverheadBytes;
    if (size > LOGS_LIMITS.eventBytesMax)
      throw invalidParameter(`Log event too large: ${size} bytes exceeds limit of ${LOGS_LIMITS.eventBytesMax}`);
    bytes += size;
    if (index > 0 && timestamp < events[index - 1]!.timestamp) {
      throw invalidParameter('Log events in a single PutLogEvents request must be in chronological order.');
    }
  }
  if (bytes > LOGS_LIMITS.putBytesMax) {
    throw invalidParameter(`Upload too large: ${bytes} bytes exceeds limit of ${LOGS_LIMITS.putBytesMax}`);
  }
}

/** Events that are too old or too far ahead are refused one by one, by their indexes; the others are taken. */
function sortOut(events: readonly LogEvent[], now: number, retentionDays: number | undefined) {
  const expired = retentionDays === undefined ? Number.NEGATIVE_INFINITY : now - retentionDays * 24 * 3600 * 1000;
  const expiredEnd = events.filter(({ timestamp }) => timestamp < expired).length;
  const oldEnd = events.filter(({ timestamp }) => timestamp < now - LOGS_LIMITS.pastMsMax).length;
  const newStart = events.findIndex(({ timestamp }) => timestamp > now + LOGS_LIMITS.futureMsMax);
  const accepted = events.slice(Math.max(expiredEnd, oldEnd), newStart < 0 ? undefined : newStart);
  if (accepted.length === events.length) return { accepted };
  const rejected = {
    ...(oldEnd > 0 ? { tooOldLogEventEndIndex: oldEnd } : {}),
    ...(expiredEnd > 0 ? { expiredLogEventEndIndex: expiredEnd } : {}),
    ...(newStart >= 0 ? { tooNewLogEventStartIndex: newStart } : {}),
  };
  return { accepted, rejected };
}
