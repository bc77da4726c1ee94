/* Websites of buckets: what visitors get, who sign nothing. */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DEFAULT_REGION, uuid } from '../../../base/index.ts';
import { headerValue } from '../../../codec/aws/index.ts';
import type { OperationContext } from '../../../services/index.ts';
import {
  firstStep,
  folderIndex,
  type SiteAddress,
  s3Error,
  stepAfter,
  type Website,
} from '../../../services/s3/index.ts';
import { newTrace } from '../../../telemetry/index.ts';
import { authorityOf, type HttpRequest, type HttpResponse } from '../../../wire/index.ts';
import { type Problem, problemOf, refuseInHtml } from './answers.ts';
import type { BucketRoutesOptions } from './routes.ts';

/** Answers a request to a bucket's website. @param base  what stands before the site's own path */
export async function answerWebsite(
  options: BucketRoutesOptions,
  bucket: string,
  base: string,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  request.resume();
  const visit = new Visit(options, bucket, base, request, response);
  try {
    await visit.answer();
  } catch (error) {
    const problem = problemOf(error, options.s3.service.errors);
    if (!problem) options.logger.error('website-failed', { bucket, error });
    if (response.headersSent || response.destroyed) return void response.destroy();
    if (problem?.status === 304) return void response.writeHead(304).end();
    refuseInHtml(response, problem, options.random, request.method === 'HEAD');
  }
}

/** Headers of an answer by the member of GetObject's output. */
const HEADERS: Readonly<Record<string, string>> = {
  CacheControl: 'cache-control',
  ContentDisposition: 'content-disposition',
  ContentEncoding: 'content-encoding',
  ContentLanguage: 'content-language',
  ContentLength: 'content-length',
  ContentRange: 'content-range',
  ContentType: 'content-type',
  ETag: 'etag',
};

class Visit {
  readonly #options: BucketRoutesOptions;
  readonly #bucket: string;
  readonly #base: string;
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;

  constructor(
    options: BucketRoutesOptions,
    bucket: string,
    base: string,
    request: HttpRequest,
    response: HttpResponse,
  ) {
    this.#options = options;
    this.#bucket = bucket;
    this.#base = base;
    this.#request = request;
    this.#response = response;
  }

  async answer(): Promise<void> {
    const { method = 'GET' } = this.#request;
    if (method !== 'GET' && method !== 'HEAD') {
      const message = 'The specified method is not allowed against this resource.';
      throw s3Error('version-is-marker', { message, fields: { Method: method, ResourceType: 'OBJECT' } });
    }
    const found = await this.#options.s3.site(this.#bucket);
    if (!found) throw s3Error('bucket-not-found', { fields: { BucketName: this.#bucket } });
    const { website } = found;
    if (!website) throw s3Error('no-website', { fields: { BucketName: this.#bucket } });
    const path = this.#path();
    const site = { protocol: 'http', host: `${authorityOf(this.#request)}${this.#base}` };
    const step = firstStep(website, path, site);
    if (step.kind === 'redirect') return this.#redirect(step.status, step.location);
    await this.#give(step.key).catch((error) => this.#afterError(website, path, site, error));
  }

  /** What comes behind the base, decoded; begins with a slash. */
  #path(): string {
    const raw = (this.#request.url ?? '/').split('?', 1)[0]!.slice(this.#base.length);
    try {
      return decodeURIComponent(raw === '' ? '/' : raw);
    } catch {
      throw s3Error('key-invalid');
    }
  }

  async #afterError(website: Website, path: string, site: SiteAddress, error: unknown): Promise<void> {
    const problem = problemOf(error, this.#options.s3.service.errors);
    if (!problem || problem.status < 400 || this.#response.headersSent) throw error;
    const index = folderIndex(website, path);
    const isFolder = problem.status !== 403 && index !== undefined && (await this.#isThere(index));
    const step = stepAfter(website, path, problem.status, site, isFolder);
    if (!step) throw error;
    if (step.kind === 'redirect') return this.#redirect(step.status, step.location);
    await this.#give(step.key, problem).catch(() => {
      throw error;
    });
  }

  #redirect(status: number, location: string): void {
    const target = location.startsWith('/') ? `${this.#base}${location}` : location;
    this.#response.writeHead(status, { location: headerValue(target), 'content-length': '0' }).end();
  }

  async #isThere(Key: string): Promise<boolean> {
    return this.#call('HeadObject', { Bucket: this.#bucket, Key }).then(
      () => true,
      () => false,
    );
  }

  /** Gives an object; as the page of a problem, with that one's status. */
  async #give(Key: string, problem?: Problem): Promise<void> {
    const isHead = this.#request.method === 'HEAD';
    const conditions = problem ? {} : this.#conditions();
    const output = await this.#call(isHead ? 'HeadObject' : 'GetObject', { Bucket: this.#bucket, Key, ...conditions });
    const { WebsiteRedirectLocation: elsewhere, Body } = output;
    if (elsewhere !== undefined && !problem) {
      await discard(Body);
      return this.#redirect(301, elsewhere);
    }
    const headers = Object.fromEntries(
      Object.entries(HEADERS)
        .filter(([member]) => output[member] !== undefined)
        .map(([member, name]) => [name, headerValue(String(output[member]))]),
    );
    if (output.LastModified) headers['last-modified'] = (output.LastModified as Date).toUTCString();
    if (problem) headers['x-amz-error-code'] = problem.code;
    this.#response.writeHead(problem?.status ?? (output.ContentRange ? 206 : 200), headers);
    if (isHead || Body === undefined) return void this.#response.end();
    await pipeline(Readable.from(Body instanceof Uint8Array ? [Body] : Body), this.#response);
  }

  #conditions(): object {
    const { range, 'if-none-match': ifNoneMatch, 'if-match': ifMatch } = this.#request.headers;
    const { 'if-modified-since': since, 'if-unmodified-since': until } = this.#request.headers;
    return {
      ...(range !== undefined && { Range: range }),
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
      ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
      ...dated('IfModifiedSince', since),
      ...dated('IfUnmodifiedSince', until),
    };
  }

  /** Calls S3 as the visitor, who may do what anybody may. */
  async #call(operation: 'GetObject' | 'HeadObject', input: object): Promise<any> {
    const { visitor, random, perform, s3 } = this.#options;
    const context: OperationContext = {
      requestId: uuid(random),
      region: DEFAULT_REGION,
      caller: visitor,
      endpoint: `http://${authorityOf(this.#request)}`,
      signal: new AbortController().signal,
      trace: newTrace(random),
    };
    const { requestId, region } = context;
    const asked = { caller: visitor, operation, input, region, requestId, request: this.#request };
    return perform(asked, () => s3.service.operations[operation]!(input, context));
  }
}

/** A date that cannot be read is none. */
function dated(name: string, text: string | undefined): object {
  const date = new Date(text ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? {} : { [name]: date };
}

async function discard(body: AsyncIterable<Uint8Array> | Uint8Array | undefined): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) return;
  for await (const _ of body) break;
}
