import { invalid } from '../errors.ts';
import { type Fit, fitsOf } from './patterns.ts';
import type { ParameterDeclaration, Template } from './template.ts';
import type { Json } from './value.ts';

/** A parameter as the request gives it. */
export interface ParameterInput {
  readonly ParameterKey?: string;
  readonly ParameterValue?: string;
  readonly UsePreviousValue?: boolean;
}

/** Effective values by name, always text, as the request or the default gives it. */
export type ParameterTexts = Readonly<Record<string, string>>;

/** What stands for a `NoEcho` value in answers. */
export const MASKED = '****';

/**
 * Settles every declared parameter: given, then previous where asked for, then default.
 *
 * @param previous  values of the stack that is updated; empty for a new one
 * @throws validation  in AWS's words: missing, unknown, or against a constraint
 */
export function settleParameters(
  template: Pick<Template, 'parameters'>,
  given: readonly ParameterInput[],
  previous: ParameterTexts,
): ParameterTexts {
  const inputs = new Map(given.map((input) => [input.ParameterKey ?? '', input]));
  const unknown = [...inputs.keys()].filter((name) => !Object.hasOwn(template.parameters, name));
  if (unknown.length) throw invalid(`Parameters: [${unknown.join(', ')}] do not exist in the template`);
  const missing: string[] = [];
  const values: Record<string, string> = {};
  for (const [name, declaration] of Object.entries(template.parameters)) {
    const text = settle(name, declaration, inputs.get(name), previous);
    if (text === undefined) missing.push(name);
    else values[name] = text;
  }
  if (missing.length) throw invalid(`Parameters: [${missing.join(', ')}] must have values`);
  const patterned = Object.entries(values).flatMap(([name, text]) => {
    const { AllowedPattern: pattern } = template.parameters[name]!;
    return pattern === undefined ? [] : [{ name, pattern, items: itemsOf(template.parameters[name]!, text) }];
  });
  const fits = fitsOf(patterned);
  for (const [name, text] of Object.entries(values)) {
    checkConstraints(name, template.parameters[name]!, text, fits.get(name));
  }
  return values;
}

function settle(
  name: string,
  declaration: ParameterDeclaration,
  input: ParameterInput | undefined,
  previous: ParameterTexts,
): string | undefined {
  if (input?.UsePreviousValue) {
    if (previous[name] === undefined) {
      throw invalid(
        `Invalid input for parameter key ${name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`,
      );
    }
    return previous[name];
  }
  if (input?.ParameterValue !== undefined) return input.ParameterValue;
  return declaration.Default === undefined ? undefined : defaultText(declaration.Default);
}

function defaultText(value: Json): string {
  return Array.isArray(value) ? value.map(String).join(',') : String(value);
}

function checkConstraints(name: string, declaration: ParameterDeclaration, text: string, fit: Fit | undefined): void {
  if (fit === 'no pattern') {
    throw invalid(`Template format error: AllowedPattern of parameter ${name} is no regular expression`);
  }
  const broken = brokenConstraint(name, declaration, text, fit);
  if (!broken) return;
  if (declaration.ConstraintDescription) {
    throw invalid(`Parameter ${name} failed to satisfy constraint: ${declaration.ConstraintDescription}`);
  }
  throw invalid(broken);
}

function brokenConstraint(
  name: string,
  declaration: ParameterDeclaration,
  text: string,
  fit: Fit | undefined,
): string | undefined {
  const { AllowedValues, AllowedPattern, MinLength, MaxLength, MinValue, MaxValue } = declaration;
  for (const item of itemsOf(declaration, text)) {
    if (/^(List<)?Number>?$/.test(declaration.Type) && !isNumber(item)) {
      return `Parameter '${name}' must be a number.`;
    }
    if (AllowedValues && !AllowedValues.map(String).includes(item)) {
      return `Parameter '${name}' must be one of AllowedValues`;
    }
    if (fit === 'differs') {
      return `Parameter '${name}' must match pattern ${AllowedPattern}`;
    }
    if (MinLength !== undefined && item.length < Number(MinLength)) {
      return `Parameter '${name}' must contain at least ${MinLength} characters`;
    }
    if (MaxLength !== undefined && item.length > Number(MaxLength)) {
      return `Parameter '${name}' must contain at most ${MaxLength} characters`;
    }
    if (MinValue !== undefined && Number(item) < Number(MinValue)) {
      return `Parameter '${name}' must be a number not less than ${MinValue}`;
    }
    if (MaxValue !== undefined && Number(item) > Number(MaxValue)) {
      return `Parameter '${name}' must be a number not greater than ${MaxValue}`;
    }
  }
  return undefined;
}

/** What the constraints are held against: each item of a list, or the whole. */
function itemsOf(declaration: ParameterDeclaration, text: string): readonly string[] {
  return isList(declaration.Type) && !isStored(declaration) ? splitList(text) : [text];
}

const isNumber = (text: string) => text.trim() !== '' && Number.isFinite(Number(text));

function isList(type: string): boolean {
  return type === 'CommaDelimitedList' || type.startsWith('List<') || /<(List<|CommaDelimitedList>)/.test(type);
}

const splitList = (text: string) => (text === '' ? [] : text.split(',').map((item) => item.trim()));

/** What `Ref` of the parameter gives: a list for the list types, else the text. */
export function parameterValue(declaration: ParameterDeclaration, text: string): Json {
  return isList(declaration.Type) ? splitList(text) : text;
}

/** A parameter whose value names one in SSM, and has that one's value. */
export function isStored({ Type }: ParameterDeclaration): boolean {
  return Type.startsWith('AWS::SSM::Parameter::Value<');
}

/** Whether the value must not be shown. */
export function isNoEcho(declaration: ParameterDeclaration | undefined): boolean {
  return declaration?.NoEcho === true || String(declaration?.NoEcho).toLowerCase() === 'true';
}
