/**
 * The thread that owns the SQLite file. All frames that have arrived are taken together: their reads are answered first, from
 * what is committed; their writes then go in groups, one SQLite transaction and one sync each. While it syncs, the next
 * frames gather: groups grow with the load, and nobody waits for a timer. Pages move from SQLite's log to the file when a group
 * has been answered.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert, type DomainError, messageOf } from '../../../base/index.ts';
import type { RecordsErrorCode } from '../records.ts';
import { Database, type DatabaseLimits, type Outcome } from './database.ts';
import { type Frame, FrameReader, FrameWriter } from './frames.ts';
import {
  type Failure,
  OPENING_ID,
  type ReadRequest,
  type Request,
  readRequest,
  type WriteRequest,
  writeChanges,
  writeEntries,
  writeFailure,
  writeFound,
} from './protocol.ts';

/** What the client starts the worker with. */
export interface WorkerOptions extends DatabaseLimits {
  readonly file: string;
}

type Identified<R> = { readonly id: number; readonly request: R };

/** Requests of one group: enough to share a sync, few enough that the first does not wait long for the last. */
const GROUP_REQUESTS_MAX = 4096;

assert(parentPort, 'sqlite.worker runs as a worker only');
const port = parentPort;
const { file, ...limits } = workerData as WorkerOptions;
/** Answers; empty between two frames of requests. */
const out = new FrameWriter();
/** Set once a write or a checkpoint failed for another reason than a full disk: no more writes (S3). */
let broken: Failure | undefined;

const database = open();
if (database) port.on('message', (frame: Frame) => serve(database, drain(frame)));

function open(): Database | undefined {
  try {
    const opened = Database.open(file, limits);
    out.uint32(OPENING_ID).byte(0).sendTo(port);
    return opened;
  } catch (error) {
    writeFailure(out, OPENING_ID, failureOf(error));
    out.sendTo(port);
    return undefined;
  }
}

/** All requests that have arrived, in order. */
function drain(first: Frame): Identified<Request>[] {
  const requests: Identified<Request>[] = [];
  for (let frame: Frame | undefined = first; frame !== undefined; frame = receiveMessageOnPort(port)?.message) {
    const reader = new FrameReader(frame);
    while (!reader.done) requests.push(readRequest(reader));
  }
  return requests;
}

function serve(database: Database, requests: readonly Identified<Request>[]): void {
  const reads: Identified<ReadRequest>[] = [];
  const writes: Identified<WriteRequest>[] = [];
  let close: number | undefined;
  for (const { id, request } of requests) {
    if (isWrite(request)) writes.push({ id, request });
    else if (request.kind === 'close') close = id;
    else reads.push({ id, request });
  }
  answerReads(database, reads);
  for (let i = 0; i < writes.length; i += GROUP_REQUESTS_MAX) {
    answerWrites(database, writes.slice(i, i + GROUP_REQUESTS_MAX));
    checkpoint(database);
  }
  if (close !== undefined) void shutDown(database, close);
}

function answerReads(database: Database, reads: readonly Identified<ReadRequest>[]): void {
  if (reads.length === 0) return;
  const answer = () => {
    for (const read of reads) answerRead(database, read);
  };
  if (reads.length === 1) answer();
  else database.reading(answer);
  out.sendTo(port);
}

function answerRead(database: Database, { id, request }: Identified<ReadRequest>): void {
  try {
    writeRead(database, id, request);
  } catch (error) {
    writeFailure(out, id, failureOf(error));
  }
}

function writeRead(database: Database, id: number, request: ReadRequest): void {
  switch (request.kind) {
    case 'get': {
      const entry = database.get(request.space, request.key);
      return writeEntries(out.uint32(id).byte(0), entry ? [entry] : []);
    }
    case 'getAll': {
      const found = request.keys.map(({ space, key }) => database.get(space, key));
      return writeFound(out.uint32(id).byte(0), found);
    }
    case 'range': {
      const entries = database.range(request.space, request.range);
      return writeEntries(out.uint32(id).byte(0), entries);
    }
    case 'changes': {
      const changes = database.changes(request.space, request.after, request.limit);
      return writeChanges(out.uint32(id).byte(0), changes);
    }
    case 'latestChange': {
      const version = database.latestChange(request.space);
      out.uint32(id).byte(0).whole(version);
    }
  }
}

function answerWrites(database: Database, writes: readonly Identified<WriteRequest>[]): void {
  const outcomes = outcomesOf(database, writes);
  for (let i = 0; i < writes.length; i++) {
    const outcome = outcomes[i]!;
    if ('failure' in outcome) writeFailure(out, writes[i]!.id, outcome.failure);
    else out.uint32(writes[i]!.id).byte(0).whole(outcome.version);
  }
  out.sendTo(port);
}

/** Goes on beside what comes next, once it has copied. */
function checkpoint(database: Database): void {
  if (!broken) database.checkpointIfDue().catch((error: unknown) => stopWriting(failureOf(error)));
}

function stopWriting(failure: Failure): void {
  if (failure.code !== 'records-full') broken = failure;
}

function outcomesOf(database: Database, writes: readonly Identified<WriteRequest>[]): readonly Outcome[] {
  if (broken) return writes.map(() => ({ failure: broken! }));
  try {
    return database.writeGroup(writes.map(({ request }) => request));
  } catch (error) {
    const failure = failureOf(error);
    stopWriting(failure);
    return writes.map(() => ({ failure }));
  }
}

async function shutDown(database: Database, id: number): Promise<void> {
  try {
    await database.close();
    out.uint32(id).byte(0);
  } catch (error) {
    writeFailure(out, id, failureOf(error));
  }
  out.sendTo(port);
  port.close();
}

function isWrite(request: Request): request is WriteRequest {
  const { kind } = request;
  return kind === 'commit' || kind === 'watchChanges' || kind === 'trimChanges' || kind === 'dropSpace';
}

function failureOf(error: unknown): Failure {
  const code = (error as DomainError<RecordsErrorCode>).code as string | undefined;
  const known = code?.startsWith('records-') || code === 'format-too-new';
  return { code: known ? (code as RecordsErrorCode) : 'records-failed', message: messageOf(error) };
}
