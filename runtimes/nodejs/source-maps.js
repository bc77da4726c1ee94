'use strict';
/**
 * Stack traces in the lines of the source, where the function's package has source maps: beside the module, as its
 * `sourceMappingURL` says, or inside it. Nothing is looked for before the first stack trace is read, so a cold start does not
 * pay for it. `process.setSourceMapsEnabled` would read every module's map while it is loaded, and not see those that
 * `code-cache.js` compiles.
 */
const { readFileSync } = require('node:fs');
const { SourceMap } = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const { errorToString } = require('./primordials.js');

/** The last of them counts: bundles carry the comments of what was bundled. */
const LINK = '//# sourceMappingURL=';
/** Larger maps would cost a function its memory to word one error. */
const MAP_LENGTH_MAX = 32 * 1024 * 1024;

/** Has stack traces name the sources of the modules below `root`. */
function installSourceMaps(root) {
  const below = root.endsWith(path.sep) ? root : root + path.sep;
  /** By module file; `undefined` where there is none. */
  const maps = new Map();

  const mapOf = (file) => {
    if (!file.startsWith(below) || file.includes(`${path.sep}node_modules${path.sep}`)) return undefined;
    if (!maps.has(file)) maps.set(file, readMap(file));
    return maps.get(file);
  };

  // As Node words it, but for the places.
  Error.prepareStackTrace = (error, frames) => {
    let text = errorToString(error);
    for (let index = 0; index < frames.length; index++) text += `\n    at ${describe(frames[index], mapOf)}`;
    return text;
  };
}

function describe(frame, mapOf) {
  const text = String(frame);
  const name = frame.getFileName();
  const line = frame.getLineNumber();
  const column = frame.getColumnNumber();
  if (!name || !line || !column) return text;
  const map = mapOf(name.startsWith('file:') ? fileURLToPath(name) : name);
  const entry = map?.map.findEntry(line - 1, column - 1);
  if (!entry?.originalSource) return text;
  const source = sourceOf(entry.originalSource, map.base);
  return text.replace(
    `${name}:${line}:${column}`,
    () => `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`,
  );
}

/** A source as a path where it is one. */
function sourceOf(source, base) {
  try {
    const url = new URL(source, base);
    return url.protocol === 'file:' ? fileURLToPath(url) : url.href;
  } catch {
    return source;
  }
}

/** @returns the map of a module and where its sources are relative to; `undefined` without one, or one that cannot be read */
function readMap(file) {
  try {
    const code = readFileSync(file, 'utf8');
    const at = code.lastIndexOf(LINK);
    if (at < 0) return undefined;
    const link = code.slice(at + LINK.length).split(/\s/, 1)[0];
    const inline = link.startsWith('data:');
    const where = inline ? file : path.resolve(path.dirname(file), decodeURIComponent(link));
    const text = inline ? decodeInline(link) : readFileSync(where, 'utf8');
    if (text.length > MAP_LENGTH_MAX) return undefined;
    const parsed = JSON.parse(text);
    // Node's SourceMap leaves `sourceRoot` to its callers.
    return { map: new SourceMap(parsed), base: new URL(parsed.sourceRoot ?? '', pathToFileURL(where)) };
  } catch {
    return undefined;
  }
}

function decodeInline(link) {
  const comma = link.indexOf(',');
  const data = link.slice(comma + 1);
  return link.slice(0, comma).endsWith(';base64')
    ? Buffer.from(data, 'base64').toString('utf8')
    : decodeURIComponent(data);
}

module.exports = { installSourceMaps };
