import { type CollectionTag, LineCounter, parseDocument, type ScalarTag, type Tags, YAMLMap, type YAMLSeq } from 'yaml';
import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
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

/** Uses of aliases, those within aliases multiplied. */
const ALIASES_MAX = 1_000;

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
  const value = readAny(text);
  checkExtent(value);
  if (!isObject(value)) throw invalid('Template format error: unsupported structure.');
  return value;
}

function readAny(text: string): Json {
  if (textDepth(text) > TEXT_DEPTH_MAX) throw tooDeep();
  try {
    return text.trimStart().startsWith('{') ? readJsonOrYaml(text) : readYaml(text);
  } catch (error) {
    // Parsers descend by recursion.
    if (error instanceof RangeError) throw tooDeep();
    throw error;
  }
}

/** Brackets that stand open at once, and dashes of lists in lists: more than code in a template ever has. */
const TEXT_DEPTH_MAX = 1_000;

/** How deep a text may be, seen before a parser descends into it: that costs it the square of the depth. */
function textDepth(text: string): number {
  let open = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++open);
    else if ((character === ']' || character === '}') && open > 0) open--;
  }
  const dashes = Math.max(0, ...[...text.matchAll(/(?:[-?][ \t]+){100,}/g)].map(([run]) => run.length / 2));
  return Math.max(deepest, dashes);
}

const tooDeep = () =>
  invalid(`Template format error: the template is nested more than ${CLOUDFORMATION_LIMITS.templateDepthMax} deep.`);

/** Refuses what is small as text and without end as a value: deep nesting, and aliases of aliases. */
function checkExtent(template: Json): void {
  const { templateDepthMax, templateExpandedBytesMax } = CLOUDFORMATION_LIMITS;
  let size = 0;
  const visit = (value: Json, depth: number): void => {
    if (depth > templateDepthMax) throw tooDeep();
    size += typeof value === 'string' ? value.length + 2 : 4;
    if (size > templateExpandedBytesMax) {
      throw invalid(`Template may not exceed ${templateExpandedBytesMax} bytes once its aliases are written out.`);
    }
    if (typeof value !== 'object' || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      size += key.length;
      visit(member as Json, depth + 1);
    }
  };
  visit(template, 0);
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
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as Json;
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw invalid(`Template format error: YAML aliases: ${error.message}`);
  }
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
