import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { ImportTableInput } from '@aws-sdk/client-dynamodb';
import { type Clock, hasCode, messageOf, type Random } from '../../../base/index.ts';
import { type Records, Registry, type Write } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Caller } from '../../index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { fingerprintOf } from '../items/fingerprint.ts';
import { rowOfItem } from '../items/keys.ts';
import { ITEM_LIMITS } from '../items/limits.ts';
import { decodeItem, itemOf } from '../model/stored.ts';
import type { StoredItem } from '../model/table.ts';
import { checkedAttributes } from '../model/values.ts';
import type { Administration } from '../tables/administration.ts';
import { checkIndexKeys } from '../tables/index-keys.ts';
import { type LiveTable, tableArn } from '../tables/live-table.ts';
import { choresOf, type Tables } from '../tables/tables.ts';
import { open } from './fills.ts';
import { csv, dynamodbJson, type LineReader, linesOf } from './import-lines.ts';
import { jobId } from './job-ids.ts';
import { jobOfToken, recentJobs } from './jobs.ts';
import { HISTORY_LIMITS } from './limits.ts';
import type { Buckets, CheckRead } from './objects-port.ts';

const SPACE = 'dynamodb/imports';
/** Items of one commit, and their bytes. */
const ITEMS_AT_ONCE = 500;
const BYTES_AT_ONCE = 1024 * 1024;

/** An import as it is stored. */
export interface Import {
  readonly arn: string;
  readonly region: string;
  readonly tableId: string;
  readonly tableArn: string;
  readonly status: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';
  readonly startedAt: number;
  readonly endedAt?: number;
  /** The request: what to read, and how. */
  readonly input: ImportTableInput;
  /** Whose rights it is read with; absent where it was begun by a version that asked at its begin only. */
  readonly by?: Caller;
  readonly counts: ImportCounts;
  readonly failure?: { readonly code: string; readonly message: string };
}

export interface ImportCounts {
  readonly errors: number;
  readonly processed: number;
  readonly imported: number;
  readonly bytes: number;
}

export interface ImportsDependencies {
  readonly records: Records;
  readonly tables: Tables;
  readonly administration: Administration;
  readonly buckets: Buckets;
  readonly checkRead: CheckRead;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** New tables of the objects of a bucket. */
export class Imports {
  readonly #dependencies: ImportsDependencies;
  readonly #registry: Registry<Import>;

  private constructor(dependencies: ImportsDependencies, registry: Registry<Import>) {
    this.#dependencies = dependencies;
    this.#registry = registry;
  }

  static async open(dependencies: ImportsDependencies): Promise<Imports> {
    return new Imports(dependencies, await Registry.open<Import>(dependencies.records, SPACE));
  }

  /** Begins again what a stop of the node has cut off; what came no further than its end is only noted. */
  async resume(): Promise<void> {
    const { tables } = this.#dependencies;
    for (const one of this.#registry.list()) {
      if (one.status !== 'IN_PROGRESS') continue;
      const table = tables.byId(one.tableId);
      if (table?.definition.filling) this.#run(one, table);
      else await this.#end(one, table ? 'COMPLETED' : 'FAILED');
    }
    for (const table of tables.all()) {
      const { filling } = table.definition;
      if (filling?.kind === 'import' && this.#registry.get(filling.importArn)?.status === 'FAILED') this.#delete(table);
    }
  }

  /** Of a table whose import has failed nobody could tell what is missing. Not from within a chore of the table, which its end waits for. */
  #delete(table: LiveTable): void {
    const { tables, administration } = this.#dependencies;
    tables.chores.start(`deleting ${table.id}`, () => administration.delete(table));
  }

  async #end(one: Import, status: 'COMPLETED' | 'FAILED'): Promise<void> {
    await this.#registry.put(one.arn, { ...one, status, endedAt: this.#dependencies.clock.now() });
  }

  /** Of the last ninety days, the newest first. */
  list(region: string, tableArn?: string): readonly Import[] {
    return recentJobs(this.#registry.list(), this.#dependencies.clock, region, tableArn);
  }

  /** @throws DynamodbError `import-not-found` */
  get(arn: string): Import {
    const found = this.#registry.get(arn);
    if (found) return found;
    if (!/^arn:.+:table\/[^/]+\/import\/.+$/.test(arn)) throw invalid('Invalid Import ARN');
    throw new DynamodbError('import-not-found', `Import not found: ${arn}`);
  }

  /** @throws DynamodbError `validation-failed`, `resource-in-use`, `limit-exceeded`, `import-conflict` */
  async create(input: ImportTableInput, region: string, by: Caller): Promise<Import> {
    const { administration, clock, random } = this.#dependencies;
    const earlier = this.#repeated(input);
    if (earlier) return earlier;
    checkFormat(input);
    if (this.list(region).filter(({ status }) => status === 'IN_PROGRESS').length >= HISTORY_LIMITS.importsMax) {
      throw new DynamodbError(
        'limit-exceeded',
        `Subscriber limit exceeded: Only ${HISTORY_LIMITS.importsMax} imports can be done simultaneously`,
      );
    }
    const startedAt = clock.now();
    const name = input.TableCreationParameters!.TableName!;
    const arn = `${tableArn({ region, name })}/import/${jobId(startedAt, random)}`;
    let created: Import | undefined;
    const table = await administration.create(input.TableCreationParameters!, region, async ({ id }) => {
      created = {
        ...{ arn, region, tableId: id, tableArn: tableArn({ region, name }), status: 'IN_PROGRESS', startedAt, input },
        by,
        counts: NONE,
      };
      // Before the table: that one refers to it, and an import without a table is only an entry in a list.
      await this.#registry.create(arn, created);
      return { kind: 'import', importArn: arn };
    });
    this.#run(created!, table);
    return created!;
  }

  #repeated(input: ImportTableInput): Import | undefined {
    const { clock } = this.#dependencies;
    const earlier = jobOfToken(this.#registry.list(), clock, input.ClientToken, (one) => one.input.ClientToken);
    if (!earlier || fingerprintOf(earlier.input).equals(fingerprintOf(input))) return earlier;
    throw new DynamodbError(
      'import-conflict',
      `Import with this ClientToken exists with other parameters: ${earlier.arn}`,
    );
  }

  #run(one: Import, table: LiveTable): void {
    const { tables } = this.#dependencies;
    tables.chores.start(`${choresOf(table.id)}filling`, async (signal) => {
      // A new try may find it open: what it holds is its users' business by then.
      if (!table.definition.filling) return this.#end(this.get(one.arn), 'COMPLETED');
      const load = new Load(this.#dependencies, table, one, signal);
      try {
        await load.run();
      } catch (error) {
        const failure = failureOf(error);
        if (!failure) throw error;
        await this.#end({ ...one, counts: load.counts, failure }, 'FAILED');
        this.#delete(table);
        return;
      }
      if (signal.aborted || table.isDeleted) return;
      const loaded = { ...one, counts: load.counts };
      // Three steps, and after each a restart finds its way: what was counted, that the table is there, that this has ended.
      await this.#registry.put(one.arn, loaded);
      await open(tables, table, signal);
      await this.#end(loaded, 'COMPLETED');
    });
  }
}

const NONE: ImportCounts = { errors: 0, processed: 0, imported: 0, bytes: 0 };

/** What will not be better the next time. */
function failureOf(error: unknown): Import['failure'] {
  if (hasCode(error, 'bucket-not-found'))
    return { code: 'S3NoSuchBucket', message: 'The specified bucket does not exist' };
  if (hasCode(error, 'object-not-found')) return { code: 'S3NoSuchKey', message: 'The specified key does not exist' };
  if (hasCode(error, 'access-denied')) return { code: 'S3AccessDenied', message: messageOf(error) };
  if (hasCode(error, 'validation-failed') || /^Z(STD)?_/.test((error as { code?: string }).code ?? '')) {
    return { code: 'InvalidSource', message: messageOf(error) };
  }
  return undefined;
}

function checkFormat({ InputFormat, InputFormatOptions }: ImportTableInput): void {
  if (InputFormat === 'ION') throw invalid('InputFormat ION is not built in Millrace');
  if (InputFormat === 'DYNAMODB_JSON' && InputFormatOptions?.Csv) {
    throw invalid('Invalid Request: Unsupported InputFormatOptions for the given input format: DYNAMODB_JSON.');
  }
}

/** One run over all objects. */
class Load {
  readonly #dependencies: ImportsDependencies;
  readonly #table: LiveTable;
  readonly #one: Import;
  readonly #signal: AbortSignal;
  #counts = NONE;
  /** By row key: a later line of the same key is the item. */
  #pending = new Map<string, { readonly key: Uint8Array; readonly item: StoredItem }>();
  #pendingBytes = 0;

  constructor(dependencies: ImportsDependencies, table: LiveTable, one: Import, signal: AbortSignal) {
    this.#dependencies = dependencies;
    this.#table = table;
    this.#one = one;
    this.#signal = signal;
  }

  get counts(): ImportCounts {
    return this.#counts;
  }

  async run(): Promise<void> {
    const { S3Bucket, S3KeyPrefix } = this.#one.input.S3BucketSource!;
    const { buckets } = this.#dependencies;
    for (let after: string | undefined; ; ) {
      const page = await buckets.list(S3Bucket!, {
        limit: 1000,
        ...(S3KeyPrefix !== undefined && { prefix: S3KeyPrefix }),
        ...(after !== undefined && { after }),
      });
      for (const { key, sizeBytes } of page.objects) {
        if (this.#signal.aborted || this.#table.isDeleted) return;
        this.#counts = { ...this.#counts, bytes: this.#counts.bytes + sizeBytes };
        await this.#readObject(S3Bucket!, key);
      }
      after = page.next;
      if (after === undefined) break;
    }
    await this.#flush();
  }

  async #readObject(bucket: string, key: string): Promise<void> {
    const { buckets, checkRead } = this.#dependencies;
    if (this.#one.by) await checkRead(this.#one.by, bucket, key);
    const { body } = await buckets.get(bucket, key);
    const reader = this.#reader();
    const quoted = this.#one.input.InputFormat === 'CSV';
    const text = this.#decompressed(Readable.from(body));
    for await (const line of linesOf(text, quoted, HISTORY_LIMITS.importLineBytesMax)) {
      this.#take(reader, line, key);
      if (this.#pending.size >= ITEMS_AT_ONCE || this.#pendingBytes >= BYTES_AT_ONCE) await this.#flush();
      if (this.#signal.aborted || this.#table.isDeleted) return;
    }
  }

  /** Whoever stops reading it closes the object too. */
  #decompressed(body: Readable): Readable {
    const { InputCompressionType: type } = this.#one.input;
    if (type !== 'GZIP' && type !== 'ZSTD') return body;
    return pipeline(body, type === 'GZIP' ? createGunzip() : createZstdDecompress(), () => {});
  }

  #reader(): LineReader {
    const { InputFormat, InputFormatOptions } = this.#one.input;
    if (InputFormat !== 'CSV') return dynamodbJson();
    const { Delimiter = ',', HeaderList } = InputFormatOptions?.Csv ?? {};
    return csv(this.#table.definition.attributes, Delimiter, HeaderList);
  }

  #take(reader: LineReader, line: string, object: string): void {
    try {
      const attributes = reader.read(line);
      if (!attributes) return;
      this.#counts = { ...this.#counts, processed: this.#counts.processed + 1 };
      const item = itemOf(checkedAttributes(attributes));
      const key = rowOfItem(this.#table.key, item.attributes);
      checkItem(this.#table, item);
      this.#pending.set(key.toString('hex'), { key, item });
      this.#pendingBytes += item.sizeBytes;
    } catch (error) {
      const errors = this.#counts.errors + 1;
      this.#counts = { ...this.#counts, errors };
      if (errors > HISTORY_LIMITS.importErrorsLogged) return;
      const cause = messageOf(error);
      this.#dependencies.logger.warn('dynamodb: an item was not imported', { import: this.#one.arn, object, cause });
    }
  }

  async #flush(): Promise<void> {
    const { records, clock } = this.#dependencies;
    const table = this.#table;
    const pending = [...this.#pending.values()];
    this.#pending = new Map();
    this.#pendingBytes = 0;
    if (pending.length === 0) return;
    const olds = await records.getAll(pending.map(({ key }) => ({ space: table.space, key })));
    const writes: Write[] = [];
    for (const [at, { key, item }] of pending.entries()) {
      const before = olds[at];
      writes.push({ kind: 'put', space: table.space, key, value: item.encoded });
      const old = before && decodeItem(before.value);
      for (const follower of table.followers)
        follower.follow({ key, old, new: item, at: clock.now(), by: 'caller' }, writes);
    }
    await records.commit({ writes });
    this.#counts = { ...this.#counts, imported: this.#counts.imported + pending.length };
  }
}

function checkItem(table: LiveTable, item: StoredItem): void {
  checkIndexKeys(table, item.attributes);
  if (item.sizeBytes > ITEM_LIMITS.itemBytesMax) throw invalid('Item size has exceeded the maximum allowed size');
}
