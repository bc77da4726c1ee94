import { type CollectionTag, LineCounter, parseDocument, type ScalarTag, type Tags, YAMLMap, type YAMLSeq } from 'yaml';
import { invalid } from '../errors.ts';
import { isObject, type Json, type JsonObject } from './value.ts';

/** Long names of the short forms `!Name`; those without an entry are `Fn::Name`. */
const SHORT_FORMS: Readonly<Record<string, string>> = { Ref: 'Ref', Condition: 'Condition' };

const FUNCTIONS = [
  'Ref',
  'Condition',
  'And',
  'Base64',
  'Cidr',
  'Equals',
  'FindInMap',
  'ForEach',
  'GetAtt',
  'GetAZs',
  'If',
  'ImportValue',
  'Join',
  'Length',
  'Not',
  'Or',
  'Select',
  'Split',
  'Sub',
  'ToJsonString',
  'Transform',
] as const;

/** Tags of YAML 1.1 that AWS's reader does not have: a date stays the text it is, and so does 1:30. */
const UNWANTED_TAGS = new Set([
  'tag:yaml.org,2002:timestamp',
  'tag:yaml.org,2002:binary',
  'tag:yaml.org,2002:omap',
  'tag:yaml.org,2002:pairs',
  'tag:yaml.org,2002:set',
]);

/**
 * Reads a template, JSON or YAML with the short forms of intrinsic functions, into plain JSON with the long ones.
 *
 * @throws validation  not well-formed (with line and column), or not a mapping
 */
export function readTemplate(text: string): JsonObject {
  const value = text.trimStart().startsWith('{') ? readJsonOrYaml(text) : readYaml(text);
  if (!isObject(value)) throw invalid('Template format error: unsupported structure.');
  return value;
}

/** A YAML flow mapping begins with a brace too. */
function readJsonOrYaml(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return readYaml(text);
  }
}

function readYaml(text: string): Json {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.1',
    customTags: (tags) => [...tags.filter(isWanted).map(asAwsReads), ...SHORT_FORM_TAGS],
    lineCounter: lines,
    logLevel: 'silent',
  });
  const [error] = document.errors;
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw invalid(`Template format error: YAML not well-formed. (line ${line}, column ${col})`);
  }
  const [unknown] = document.warnings.filter((warning) => warning.code === 'TAG_RESOLVE_FAILED');
  if (unknown) throw invalid(`Template format error: ${unknown.message.split('\n')[0]}`);
  return document.toJS({ maxAliasCount: 1000 }) as Json;
}

function isWanted(tag: Tags[number]): boolean {
  if (typeof tag === 'string') return true;
  if (UNWANTED_TAGS.has(tag.tag)) return false;
  // Base 60 numbers ("12:30") of YAML 1.1.
  return !('format' in tag && tag.format === 'TIME');
}

/**
 * What the library takes for a value and AWS's reader for text: `Y` and `N` are letters (an event may be called so), "." is a path
 * and "e5" an id, as neither has a digit before.
 */
function asAwsReads(tag: Tags[number]): Tags[number] {
  if (typeof tag === 'string' || !('test' in tag) || !tag.test) return tag;
  const { source } = tag.test;
  if (tag.tag === 'tag:yaml.org,2002:bool') return { ...tag, test: new RegExp(`^(?![YyNn]$)${source}`) };
  const isNumber = tag.tag === 'tag:yaml.org,2002:float' && !tag.test.test('.inf');
  return isNumber ? { ...tag, test: new RegExp(`^(?=[-+]?[.]?[0-9])${source}`) } : tag;
}

const SHORT_FORM_TAGS: Tags = FUNCTIONS.flatMap((name) => {
  const long = SHORT_FORMS[name] ?? `Fn::${name}`;
  const scalar: ScalarTag = { tag: `!${name}`, resolve: (text) => ({ [long]: scalarArgument(name, text) }) };
  const collection = (kind: 'seq' | 'map'): CollectionTag => ({
    tag: `!${name}`,
    collection: kind,
    resolve: (node) => wrap(long, node as YAMLMap | YAMLSeq),
  });
  return [scalar, collection('seq'), collection('map')];
});

/** `!GetAtt Resource.Attribute.Part` is the one short form whose text is taken apart. */
function scalarArgument(name: string, text: string): Json {
  if (name !== 'GetAtt') return text;
  const dot = text.indexOf('.');
  return dot < 0 ? text : [text.slice(0, dot), text.slice(dot + 1)];
}

function wrap(long: string, node: YAMLMap | YAMLSeq): YAMLMap {
  const map = new YAMLMap();
  // Else the inner node would be printed and read with the tag again.
  node.tag = undefined as unknown as string;
  map.set(long, node);
  return map;
}
