'use strict';
/**
 * Where a process begins: bootstrap.js and what it needs, from one file (`image.js`) and with what V8 has compiled of it before. Two dozen
 * small files would have to be found, read and compiled first. The node makes both: see `src/runtime/starts/nodejs-image.ts`.
 *
 * With MILLRACE_COMPILE, the path of a new file, it goes through all that a blank environment does and keeps what has been compiled.
 */
const { readFileSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');

const filename = `${__dirname}/image.js`;
const { MILLRACE_COMPILE: compiled } = process.env;
delete process.env.MILLRACE_COMPILE;

const script = new Script(readFileSync(filename, 'utf8'), {
  filename,
  cachedData: compiled ? undefined : readCache(),
});
if (compiled) process.on('exit', () => writeFileSync(compiled, script.createCachedData()));
script.runInThisContext()(require, __dirname);

/** Of this very Node; another one's would be refused, and so would a damaged one's. Without any it is compiled now. */
function readCache() {
  try {
    return readFileSync(`${__dirname}/${process.versions.node}-${process.arch}.cache`);
  } catch {
    return undefined;
  }
}
