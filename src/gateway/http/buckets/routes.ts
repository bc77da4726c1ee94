/*
 * Buckets as browsers see them, beside the operations of S3: questions before a call (CORS), forms, websites. A bucket stands in the host
 * (`BUCKET.localhost`, `BUCKET.s3.localhost`, `BUCKET.s3.REGION.localhost`) or at the beginning of the path.
 */
import type { Clock, Random } from '../../../base/index.ts';
import type { Caller } from '../../../services/index.ts';
import { corsHeaders, type PostFields, preflight, type S3 } from '../../../services/s3/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import {
  type Asked,
  authorityOf,
  bucketOf,
  type ClaimedHead,
  type ExtraRoute,
  foreignTo,
  type HttpRequest,
  type HttpResponse,
  hostName,
} from '../../../wire/index.ts';
import { problemOf, refuseInXml } from './answers.ts';
import { answerPost } from './post.ts';
import { answerWebsite } from './website.ts';

/** Who signed a form. @throws DomainError of S3 */
export type PostSigner = (fields: PostFields) => { readonly caller: Caller; readonly region: string };

export interface BucketRoutesOptions {
  readonly s3: Pick<S3, 'service' | 'post' | 'site'>;
  readonly mode: 'dev' | 'secured';
  readonly postSigner: PostSigner;
  /** Visitors of websites, who sign nothing. */
  readonly visitor: Caller;
  /** Decides on a call and has it made, and tells of it those whom calls are told to. @throws DomainError `access-denied`, and what it throws */
  readonly perform: <T>(asked: Omit<Asked, 'service'>, call: () => Promise<T> | T) => Promise<T>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Where websites are on every host of the node: `/_s3/websites/BUCKET/...` */
export const WEBSITE_PATH = '/_s3/websites';

const WEBSITE_HOST = /^(.+)\.s3-website(?:[.-][a-z0-9-]+)?\.(?:localhost|localhost\.localstack\.cloud|amazonaws\.com)$/;

export function bucketRoutes(options: BucketRoutesOptions): {
  readonly websiteByHost: ExtraRoute;
  readonly websiteByPath: ExtraRoute;
  /** For browsers' calls of the API: behind all other routes. */
  readonly calls: ExtraRoute;
} {
  // A website is for whoever reads it; pages of others that call it learn nothing that anybody could not.
  const common = { crossOrigin: true };
  return {
    websiteByHost: {
      ...common,
      prefix: '/',
      host: WEBSITE_HOST,
      handle: (request, response) =>
        answerWebsite(options, WEBSITE_HOST.exec(hostName(authorityOf(request)))![1]!, '', request, response),
    },
    websiteByPath: {
      ...common,
      prefix: WEBSITE_PATH,
      handle: (request, response) => {
        const bucket = /^\/([^/?]*)/.exec(request.url!.slice(WEBSITE_PATH.length))?.[1] ?? '';
        return answerWebsite(options, bucket, `${WEBSITE_PATH}/${bucket}`, request, response);
      },
    },
    calls: {
      ...common,
      prefix: '/',
      forFunctions: true,
      takes: (head) => (head.headers.origin !== undefined || isForm(head)) && bucketOf(head) !== undefined,
      handle: (request, response, next) => new BrowserCall(options, request, response, next).answer(),
    },
  };
}

function isForm({ method, headers }: ClaimedHead): boolean {
  return method === 'POST' && headers['content-type']?.toLowerCase().startsWith('multipart/form-data') === true;
}

/** Whether a source of a copy, `BUCKET/KEY` with or without a slash before it, is in the bucket. */
function isIn(bucket: string, source: string): boolean {
  return source.replace(/^\//, '').startsWith(`${bucket}/`);
}

class BrowserCall {
  readonly #options: BucketRoutesOptions;
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  readonly #next: () => Promise<void>;

  constructor(options: BucketRoutesOptions, request: HttpRequest, response: HttpResponse, next: () => Promise<void>) {
    this.#options = options;
    this.#request = request;
    this.#response = response;
    this.#next = next;
  }

  async answer(): Promise<void> {
    const { bucket, key } = bucketOf(this.#request)!;
    const { origin, 'access-control-request-method': wanted } = this.#request.headers;
    const { cors } = (await this.#options.s3.site(bucket)) ?? {};
    if (this.#request.method === 'OPTIONS') return this.#inXml(async () => this.#answerQuestion(cors, key, wanted));
    const granted = cors && corsHeaders(cors, { origin, method: this.#request.method, headers: undefined });
    const isWithinRules = granted !== undefined && this.#isOfObjectsOf(bucket, key);
    const foreign = this.#options.mode === 'dev' && !isWithinRules ? foreignTo(this.#request) : undefined;
    if (foreign !== undefined) return this.#refuse(foreign);
    for (const [name, value] of Object.entries(granted ?? {})) this.#response.setHeader(name, value);
    if (!isForm(this.#request)) return this.#next();
    return this.#inXml(() => answerPost(this.#options, bucket, this.#request, this.#response));
  }

  /**
   * Whether a call stays with what a bucket's rules can mean: they open its objects, and neither its settings nor, by copies, the objects
   * of other buckets.
   */
  #isOfObjectsOf(bucket: string, key: string): boolean {
    const { method, headers, url } = this.#request;
    const { 'x-amz-copy-source': source } = headers;
    if (source !== undefined && !isIn(bucket, String(source))) return false;
    const isBatch = method === 'POST' && /[?&]delete(=|&|$)/.test(url!);
    return key !== '' || method === 'GET' || method === 'HEAD' || isForm(this.#request) || isBatch;
  }

  #answerQuestion(cors: Parameters<typeof preflight>[0], key: string, method: string | undefined): void {
    const { origin, 'access-control-request-headers': headers } = this.#request.headers;
    const answer = preflight(cors, { origin, method, headers }, key === '' ? 'BUCKET' : 'OBJECT');
    this.#request.resume();
    this.#response.writeHead(200, { ...answer, 'content-length': '0' }).end();
  }

  /** Nothing is known of who asks: `dev` lets in local pages, and those that a bucket's rules name. */
  #refuse(message: string): void {
    this.#request.resume();
    this.#response
      .writeHead(403, { 'content-type': 'application/json' })
      .end(JSON.stringify({ message: `${message} CORS rules of the bucket may let them in.` }));
  }

  async #inXml(answer: () => Promise<void>): Promise<void> {
    const { s3, random, logger } = this.#options;
    try {
      await answer();
    } catch (error) {
      const problem = problemOf(error, s3.service.errors);
      if (!problem) logger.error('bucket-request-failed', { error });
      if (this.#response.headersSent || this.#response.destroyed) return void this.#response.destroy();
      // What is left of a form is not worth reading.
      if (this.#request.httpVersionMajor === 1) this.#response.setHeader('connection', 'close');
      refuseInXml(this.#response, problem, random);
    }
  }
}
