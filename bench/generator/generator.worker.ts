/** The generator as a process of its own: takes a `Load` as JSON argument, prints a `LoadResult` as JSON. */
import { generate, type Load } from './generator.ts';

const load = JSON.parse(process.argv[2]!) as Load;
process.stdout.write(`${JSON.stringify(await generate(load))}\n`);
process.exit(0);
