import { hasCode } from '../../base/index.ts';
import type { Client } from '../client.ts';

/** Events that are written late are looked for again so far back: the node writes lines behind the answer, a busy disk later. */
const OVERLAP_MS = 5_000;

/** An event as the logs API gives it. */
export interface LogEvent {
  readonly eventId: string;
  readonly logStreamName: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly message: string;
}

/** One function's log, read forward: each event once, whatever the overlap of the reads. */
export class LogTail {
  readonly functionName: string;
  readonly #filter: string | undefined;
  #from: number;
  #seen = new Map<string, number>();

  /** @param from  epoch milliseconds of the first event; @param filter  a CloudWatch Logs filter pattern */
  constructor(functionName: string, from: number, filter: string | undefined) {
    this.functionName = functionName;
    this.#from = from;
    this.#filter = filter;
  }

  /** Events that were not read before, oldest first. */
  async read(client: Client): Promise<readonly LogEvent[]> {
    const events: LogEvent[] = [];
    let nextToken: string | undefined;
    do {
      const page = await this.#page(client, nextToken);
      events.push(...page.events);
      nextToken = page.nextToken;
    } while (nextToken);
    return this.#fresh(events).sort((a, b) => a.timestamp - b.timestamp);
  }

  async #page(
    client: Client,
    nextToken: string | undefined,
  ): Promise<{ events: readonly LogEvent[]; nextToken?: string }> {
    try {
      return await client.json('logs', 'Logs_20140328.FilterLogEvents', {
        logGroupName: `/aws/lambda/${this.functionName}`,
        startTime: this.#from,
        ...(this.#filter && { filterPattern: this.#filter }),
        ...(nextToken && { nextToken }),
      });
    } catch (error) {
      // A function that has never run has no group.
      if (hasCode(error, 'ResourceNotFoundException')) return { events: [] };
      throw error;
    }
  }

  #fresh(events: readonly LogEvent[]): LogEvent[] {
    const fresh = events.filter(({ eventId }) => !this.#seen.has(eventId));
    let newest = this.#from + OVERLAP_MS;
    for (const { eventId, timestamp } of fresh) {
      this.#seen.set(eventId, timestamp);
      newest = Math.max(newest, timestamp);
    }
    this.#from = newest - OVERLAP_MS;
    for (const [eventId, timestamp] of this.#seen) if (timestamp < this.#from) this.#seen.delete(eventId);
    return fresh;
  }
}
