import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Clock, Random } from '../../base/index.ts';
import { type CodePackage, LAMBDA_LIMITS } from './model.ts';
import type { Packages } from './packages.ts';

/** Path under which packages are downloaded: ours, since AWS's leads to a bucket of its own. */
const PREFIX = '/_lambda/packages';

/**
 * Addresses from which a package can be downloaded for ten minutes by whoever was given one, as the presigned ones of AWS: what
 * `Code.Location` and `Content.Location` have. The key of their signatures lives as long as the node runs.
 */
export class PackageAddresses {
  readonly prefix: string = PREFIX;
  readonly #packages: Packages;
  readonly #clock: Clock;
  readonly #key: Buffer;

  constructor(packages: Packages, clock: Clock, random: Random) {
    this.#packages = packages;
    this.#clock = clock;
    this.#key = random.bytes(32);
  }

  /** `{ Location }`; empty for a package whose zip was not kept. @param endpoint  how the client reaches the node */
  location(code: CodePackage, endpoint: string): { readonly Location?: string } {
    if (!this.#packages.hasZip(code)) return {};
    const name = Buffer.from(code.sha256, 'base64').toString('hex');
    const expires = String(this.#clock.now() + LAMBDA_LIMITS.packageAddressMs);
    const signature = this.#sign(name, expires).toString('hex');
    return { Location: `${endpoint}${PREFIX}/${name}.zip?expires=${expires}&signature=${signature}` };
  }

  /** Answers a request for a package. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://node');
    const name = /^\/([0-9a-f]{64})\.zip$/.exec(pathname.slice(PREFIX.length))?.[1];
    const expires = searchParams.get('expires') ?? '';
    if (request.method !== 'GET') return refuse(response, 405, 'packages can be read only');
    if (!name || !this.#proves(name, expires, searchParams.get('signature') ?? '')) {
      return refuse(
        response,
        403,
        'the signature of this address does not match, or the node has been restarted since',
      );
    }
    if (Number(expires) < this.#clock.now())
      return refuse(response, 403, 'this address has expired: ask for a new one');
    const code = { sha256: Buffer.from(name, 'hex').toString('base64') };
    if (!this.#packages.hasZip(code)) return refuse(response, 404, 'this package is not there any more');
    response.writeHead(200, { 'content-type': 'application/zip', 'cache-control': 'no-store' });
    await pipeline(this.#packages.readZip(code), response).catch(() => response.destroy());
  }

  #proves(name: string, expires: string, signature: string): boolean {
    const given = Buffer.from(signature, 'hex');
    const expected = this.#sign(name, expires);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #sign(name: string, expires: string): Buffer {
    return createHmac('sha256', this.#key).update(`${name} ${expires}`).digest();
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}
