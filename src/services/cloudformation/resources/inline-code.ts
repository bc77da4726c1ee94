import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { responseModules } from './cfn-response.ts';

/** The one time that all entries carry, so that the same code is the same package: the first that the format can hold. */
const ENTRY_TIME = new Date(Date.UTC(1980, 0, 1));

/**
 * Code written in the template (`Code.ZipFile`), as a package: `index.js`, or `index.py` for Python, and the module that answers
 * custom resources' requests where the code names it.
 *
 * @see AWS::Lambda::Function Code, ZipFile
 */
export function zipInlineCode(code: string, runtime: string): Promise<Buffer> {
  const zip = new ZipFile();
  const name = runtime.startsWith('python') ? 'index.py' : 'index.js';
  const files = { [name]: code, ...responseModules(code, runtime) };
  for (const [path, text] of Object.entries(files)) {
    zip.addBuffer(Buffer.from(text), path, { mtime: ENTRY_TIME, mode: 0o100644, forceDosTimestamp: true });
  }
  zip.end();
  return buffer(zip.outputStream);
}
