/**
 * The generator as a process of its own: takes a `Load` as JSON argument, prints a `LoadResult` as JSON. A crowd stays connected
 * until the process is ended.
 */
import { generate } from './generator.ts';
import type { Load } from './load.ts';

const load = JSON.parse(process.argv[2]!) as Load;
process.stdout.write(`${JSON.stringify(await generate(load))}\n`);
if (load.kind !== 'crowd') process.exit(0);
