/**
 * One request, over and over, from a process of its own. Takes a `RequestLoad` as JSON argument, prints an `HttpResult` as JSON.
 */
import { type HttpLoad, runHttpLoad } from './http-load.ts';

export interface RequestLoad extends HttpLoad {
  /** A whole HTTP/1.1 request. */
  readonly request: string;
}

const load = JSON.parse(process.argv[2]!) as RequestLoad;
const request = Buffer.from(load.request);
process.stdout.write(`${JSON.stringify(await runHttpLoad(load, () => request))}\n`);
process.exit(0);
