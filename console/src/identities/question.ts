/** The simulator's form, and the question that it stands for. */
import type { ContextEntry, Question } from './identities-api.ts';

export interface ContextRow {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

export interface QuestionForm {
  readonly principal: string;
  /** Parted by spaces, commas or lines. */
  readonly actions: string;
  /** A line each; commas part them only before what begins like an ARN, since ARNs may have commas. */
  readonly resources: string;
  readonly context: readonly ContextRow[];
}

const SINGLE_TYPES = ['string', 'numeric', 'boolean', 'ip', 'date', 'binary'];

/** As IAM names them; values of lists are parted by commas. */
export const CONTEXT_TYPES: readonly string[] = SINGLE_TYPES.flatMap((type) => [type, `${type}List`]);

export function questionOf({ principal, actions, resources, context }: QuestionForm): Question {
  return {
    principal: principal.trim(),
    actions: parts(actions, /[\s,]+/),
    resources: parts(resources, /\n|,\s*(?=arn:|\*)/),
    context: context.filter(({ name }) => name.trim() !== '').map(entryOf),
  };
}

function entryOf({ name, type, value }: ContextRow): ContextEntry {
  return { name: name.trim(), type, values: type.endsWith('List') ? parts(value, /,/) : [value.trim()] };
}

function parts(text: string, separator: RegExp): string[] {
  const found = text.split(separator).map((part) => part.trim().replace(/,$/, ''));
  return [...new Set(found.filter((part) => part !== ''))];
}
