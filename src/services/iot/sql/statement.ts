import * as mqtt from '../../../codec/mqtt/index.ts';
import { compileExpression, compileSelection, type Evaluate, type Needs, scopeOf } from './compile.ts';
import { sqlError } from './lexer.ts';
import type { RuleMessage } from './message.ts';
import { parseExpression, parseStatement } from './parser.ts';
import { toBoolean, toText } from './values.ts';

export const SQL_VERSIONS = ['2015-10-08', '2016-03-23', 'beta'] as const;
export const SQL_VERSION_DEFAULT = '2015-10-08';

/** A rule's statement, ready to run. */
export interface CompiledStatement {
  /** Absent in a rule that only Basic Ingest reaches. */
  readonly topicFilter: string | undefined;
  /** True for `SELECT * FROM` without WHERE: the payload passes through, never parsed. */
  readonly passesThrough: boolean;
  /**
   * What the actions get; `undefined` when WHERE does not hold.
   * @throws PayloadNotJson  the statement looks into a payload that is no JSON
   */
  evaluate(message: RuleMessage): Buffer | undefined;
}

/** Compiles a rule's SQL. @throws IotError sql-invalid */
export function compileStatement(sql: string, sqlVersion: string = SQL_VERSION_DEFAULT): CompiledStatement {
  const statement = parseStatement(sql);
  const { topicFilter } = statement;
  if (topicFilter !== undefined && !mqtt.isTopicFilter(topicFilter)) {
    throw sqlError(`'${topicFilter}' is not a topic filter`);
  }
  const isRaw = statement.items.length === 1 && statement.items[0]!.kind === 'all';
  const needs: Needs = { json: false };
  const select = isRaw ? undefined : compileSelection(statement, needs, sqlVersion);
  const where = statement.where && compileExpression(statement.where, needs, sqlVersion);
  return {
    topicFilter,
    passesThrough: isRaw && where === undefined,
    evaluate: (message) => {
      const scope = needs.json ? scopeOf(message) : undefined;
      if (where && toBoolean(where(message, scope)) !== true) return undefined;
      if (!select) return message.payload;
      const result = select(message, scope);
      // Undefined by itself is written as nothing (data types, Undefined).
      return result === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(result));
    },
  };
}

/** A text with `${expression}` in it, ready to fill in. */
export type Template = (message: RuleMessage) => string;

/** Compiles a substitution template. Undefined is written as nothing. @throws IotError sql-invalid */
export function compileTemplate(text: string, sqlVersion: string = SQL_VERSION_DEFAULT): Template {
  const parts = splitTemplate(text).map((part) =>
    part.kind === 'text' ? part.text : compileInsert(part.text, sqlVersion),
  );
  if (parts.every((part) => typeof part === 'string')) {
    const whole = parts.join('');
    return () => whole;
  }
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'function') return only;
  return (message) => {
    let result = '';
    for (const part of parts) result += typeof part === 'string' ? part : part(message);
    return result;
  };
}

function compileInsert(source: string, sqlVersion: string): Template {
  const needs: Needs = { json: false };
  const value: Evaluate = compileExpression(parseExpression(source), needs, sqlVersion);
  return (message) => toText(value(message, needs.json ? scopeOf(message) : undefined)) ?? '';
}

type TemplatePart = { readonly kind: 'text' | 'insert'; readonly text: string };

/** Cuts at `${` and its `}`, which may stand in quotes or pairs inside. */
function splitTemplate(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf('${', at);
    const before = text.slice(at, open < 0 ? undefined : open);
    if (before) parts.push({ kind: 'text', text: before });
    if (open < 0) return parts;
    const close = insertEnd(text, open + 2);
    parts.push({ kind: 'insert', text: text.slice(open + 2, close) });
    at = close + 1;
  }
}

function insertEnd(text: string, from: number): number {
  let depth = 0;
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const char = text[at]!;
    if (quote) {
      if (char === quote) quote = '';
    } else if (char === "'" || char === '"' || char === '`') quote = char;
    else if (char === '{') depth++;
    else if (char === '}' && depth-- === 0) return at;
  }
  throw sqlError(`a substitution template is not closed: ${text}`);
}
