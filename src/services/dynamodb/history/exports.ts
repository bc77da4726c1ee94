/**
 * Exports of tables to buckets, laid out as AWS lays them out:
 *
 *     PREFIX/AWSDynamoDB/EXPORT-ID/manifest-summary.json, .md5      what the export is
 *     PREFIX/AWSDynamoDB/EXPORT-ID/manifest-files.json, .md5        a line for each file
 *     PREFIX/AWSDynamoDB/EXPORT-ID/data/NAME.json.gz                a line `{"Item":{...}}` for each item
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Clock, hasCode, type Random } from '../../../base/index.ts';
import { type ObjectInfo, type Records, Registry } from '../../../store/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { jsonBytesOf, sizeOfEncoded } from '../model/stored.ts';
import { type LiveTable, tableArn } from '../tables/live-table.ts';
import type { Tables } from '../tables/tables.ts';
import type { Histories, Moment } from './histories.ts';
import { jobId } from './job-ids.ts';
import { jobOfToken, recentJobs } from './jobs.ts';
import { HISTORY_LIMITS } from './limits.ts';
import type { Buckets } from './objects-port.ts';
import type { PastItem } from './past.ts';

const SPACE = 'dynamodb/exports';

/** An export as it is stored. */
export interface Export {
  readonly id: string;
  readonly arn: string;
  readonly region: string;
  readonly tableArn: string;
  readonly tableId: string;
  readonly status: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly exportTime: number;
  readonly stamp: number;
  readonly bucket: string;
  readonly bucketOwner?: string;
  readonly prefix?: string;
  readonly sseAlgorithm?: string;
  readonly clientToken?: string;
  /** What requests under its token must have in common; exports of earlier releases have none. */
  readonly fingerprint?: string;
  readonly itemCount: number;
  readonly billedBytes: number;
  readonly manifest?: string;
  readonly failure?: { readonly code: string; readonly message: string };
}

export interface ExportRequest {
  readonly bucket: string;
  readonly bucketOwner?: string;
  readonly prefix?: string;
  readonly sseAlgorithm?: string;
  readonly clientToken?: string;
  readonly fingerprint: string;
  readonly exportTime: number;
}

export interface ExportsDependencies {
  readonly records: Records;
  readonly tables: Tables;
  readonly histories: Histories;
  readonly buckets: Buckets;
  readonly clock: Clock;
  readonly random: Random;
}

interface DataFile {
  readonly key: string;
  readonly count: number;
  readonly info: ObjectInfo;
}

export class Exports {
  readonly #dependencies: ExportsDependencies;
  readonly #registry: Registry<Export>;

  private constructor(dependencies: ExportsDependencies, registry: Registry<Export>) {
    this.#dependencies = dependencies;
    this.#registry = registry;
  }

  static async open(dependencies: ExportsDependencies): Promise<Exports> {
    return new Exports(dependencies, await Registry.open<Export>(dependencies.records, SPACE));
  }

  /** Goes on with exports that a stop of the node has cut off. */
  resume(): void {
    const { tables, histories } = this.#dependencies;
    for (const one of this.#registry.list()) {
      if (one.status !== 'IN_PROGRESS') continue;
      this.#run(one, histories.at(tables, tables.byId(one.tableId)!, one.stamp));
    }
  }

  /** Of the last ninety days, the newest first. */
  list(region: string, tableArn?: string): readonly Export[] {
    return recentJobs(this.#registry.list(), this.#dependencies.clock, region, tableArn);
  }

  /** @throws DynamodbError `export-not-found` */
  get(arn: string): Export {
    const found = this.#registry.get(arn);
    if (found) return found;
    if (!/^arn:.+:table\/[^/]+\/export\/.+$/.test(arn)) throw invalid('Invalid Export ARN');
    throw new DynamodbError('export-not-found', `Export not found: ${arn}`);
  }

  /** @param moment  asked for when it is no repetition of an earlier request. @throws DynamodbError `export-conflict`, `limit-exceeded` */
  async create(table: LiveTable, request: ExportRequest, moment: () => Promise<Moment>): Promise<Export> {
    const { clock, random } = this.#dependencies;
    const earlier = this.#repeated(request);
    if (earlier) return earlier;
    if (this.list(table.region).filter(({ status }) => status === 'IN_PROGRESS').length >= HISTORY_LIMITS.exportsMax) {
      throw new DynamodbError(
        'limit-exceeded',
        `Subscriber limit exceeded: Only ${HISTORY_LIMITS.exportsMax} exports can be done simultaneously`,
      );
    }
    const held = await moment();
    const startedAt = clock.now();
    const id = jobId(startedAt, random);
    const created: Export = {
      ...request,
      ...{ id, arn: `${tableArn(table)}/export/${id}`, region: table.region, tableArn: table.arn, tableId: table.id },
      ...{ status: 'IN_PROGRESS', startedAt, stamp: held.stamp, itemCount: 0, billedBytes: 0 },
    };
    try {
      await this.#registry.create(created.arn, created);
    } catch (error) {
      await held.release();
      throw error;
    }
    this.#run(created, held);
    return created;
  }

  #repeated({ clientToken, fingerprint }: ExportRequest): Export | undefined {
    const earlier = jobOfToken(this.#registry.list(), this.#dependencies.clock, clientToken, (one) => one.clientToken);
    if (!earlier || (earlier.fingerprint ?? fingerprint) === fingerprint) return earlier;
    throw new DynamodbError(
      'export-conflict',
      `Export with this ClientToken exists with other parameters: ${earlier.arn}`,
    );
  }

  #run(one: Export, moment: Moment): void {
    const { tables, clock } = this.#dependencies;
    tables.chores.start(`export ${one.arn}`, async (signal) => {
      if (this.get(one.arn).status !== 'IN_PROGRESS') return moment.release();
      let ended: Export;
      try {
        const files = await this.#writeFiles(one, moment, signal);
        if (signal.aborted) return;
        ended = await this.#complete(one, files);
      } catch (error) {
        if (!hasCode(error, 'bucket-not-found') && !hasCode(error, 'key-invalid')) throw error;
        const message = 'The specified bucket does not exist';
        ended = { ...one, status: 'FAILED', endedAt: clock.now(), failure: { code: 'S3NoSuchBucket', message } };
      }
      await this.#registry.put(one.arn, ended);
      await moment.release();
    });
  }

  async #writeFiles(one: Export, moment: Moment, signal: AbortSignal): Promise<readonly DataFile[]> {
    const source = new ItemLines(moment.items(), signal);
    const files: DataFile[] = [];
    do {
      const name = createHash('sha256').update(`${one.id}/${files.length}`).digest('hex').slice(0, 26);
      const key = `${folderOf(one)}/data/${name}.json.gz`;
      let info: ObjectInfo | undefined;
      const before = source.count;
      await pipeline(
        Readable.from(source.file(HISTORY_LIMITS.itemsPerExportFile)),
        createGzip(),
        async (body: AsyncIterable<Uint8Array>) => {
          info = await this.#dependencies.buckets.put(one.bucket, key, body);
        },
      );
      files.push({ key, count: source.count - before, info: info! });
    } while (!source.ended && !signal.aborted);
    this.#bytes.set(one.id, source.bytes);
    return files;
  }

  /** Bytes of the items of exports that run. */
  readonly #bytes = new Map<string, number>();

  async #complete(one: Export, files: readonly DataFile[]): Promise<Export> {
    const folder = folderOf(one);
    const ended: Export = {
      ...one,
      status: 'COMPLETED',
      endedAt: this.#dependencies.clock.now(),
      itemCount: files.reduce((sum, { count }) => sum + count, 0),
      billedBytes: this.#bytes.get(one.id) ?? 0,
      manifest: `${folder}/manifest-summary.json`,
    };
    this.#bytes.delete(one.id);
    const lines = files.map(({ key, count, info }) =>
      JSON.stringify({
        itemCount: count,
        md5Checksum: Buffer.from(info.etag, 'hex').toString('base64'),
        etag: info.etag,
        dataFileS3Key: key,
      }),
    );
    await this.#putWithChecksum(one.bucket, `${folder}/manifest-files`, `${lines.join('\n')}\n`);
    await this.#putWithChecksum(one.bucket, `${folder}/manifest-summary`, JSON.stringify(summaryOf(ended)));
    return ended;
  }

  async #putWithChecksum(bucket: string, key: string, text: string): Promise<void> {
    const checksum = createHash('md5').update(text).digest('base64');
    const put = (name: string, body: string) =>
      this.#dependencies.buckets.put(bucket, name, Readable.from([Buffer.from(body)]));
    await put(`${key}.json`, text);
    await put(`${key}.md5`, checksum);
  }
}

function folderOf({ prefix, id }: Export): string {
  return `${prefix ? `${prefix}/` : ''}AWSDynamoDB/${id}`;
}

function summaryOf(one: Export): object {
  return {
    version: '2020-06-30',
    exportArn: one.arn,
    startTime: new Date(one.startedAt).toISOString(),
    endTime: new Date(one.endedAt!).toISOString(),
    tableArn: one.tableArn,
    tableId: one.tableId,
    exportTime: new Date(one.exportTime).toISOString(),
    s3Bucket: one.bucket,
    s3Prefix: one.prefix ?? null,
    s3SseAlgorithm: one.sseAlgorithm ?? 'AES256',
    s3SseKmsKeyId: null,
    manifestFilesS3Key: `${folderOf(one)}/manifest-files.json`,
    billedSizeBytes: one.billedBytes,
    itemCount: one.itemCount,
    outputFormat: 'DYNAMODB_JSON',
    exportType: 'FULL_EXPORT',
  };
}

const LINE_START = Buffer.from('{"Item":');
const LINE_END = Buffer.from('}\n');

/** Items as lines, a file after the other. */
class ItemLines {
  readonly #pages: AsyncGenerator<readonly PastItem[]>;
  readonly #signal: AbortSignal;
  count = 0;
  bytes = 0;
  ended = false;

  constructor(pages: AsyncGenerator<readonly PastItem[]>, signal: AbortSignal) {
    this.#pages = pages;
    this.#signal = signal;
  }

  /** @yields a page of lines at a time, of at least `itemsMax` items in all unless the table ends before */
  async *file(itemsMax: number): AsyncGenerator<Uint8Array> {
    for (const start = this.count; this.count - start < itemsMax; ) {
      const { value: page, done } = await this.#pages.next();
      this.ended = done === true;
      if (done || this.#signal.aborted) return;
      for (const { value } of page) this.bytes += sizeOfEncoded(value);
      this.count += page.length;
      if (page.length) yield Buffer.concat(page.flatMap(({ value }) => [LINE_START, jsonBytesOf(value), LINE_END]));
    }
  }
}
