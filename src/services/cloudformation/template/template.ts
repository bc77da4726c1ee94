import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { isLoop } from './loop-keys.ts';
import { isObject, type Json, type JsonObject } from './value.ts';

/** What a template says of one parameter. */
export interface ParameterDeclaration {
  readonly Type: string;
  readonly Default?: Json;
  readonly AllowedValues?: readonly Json[];
  readonly AllowedPattern?: string;
  readonly ConstraintDescription?: string;
  readonly Description?: string;
  readonly MinLength?: Json;
  readonly MaxLength?: Json;
  readonly MinValue?: Json;
  readonly MaxValue?: Json;
  readonly NoEcho?: Json;
}

export type DeletionPolicy = 'Delete' | 'Retain' | 'RetainExceptOnCreate';

export interface ResourceDeclaration {
  readonly Type: string;
  readonly Properties: JsonObject;
  readonly Condition?: string;
  readonly DependsOn: readonly string[];
  readonly DeletionPolicy: DeletionPolicy;
  readonly UpdateReplacePolicy: DeletionPolicy;
  readonly Metadata?: Json;
  readonly CreationPolicy?: Json;
}

export interface OutputDeclaration {
  readonly Value: Json;
  readonly Description?: string;
  readonly Condition?: string;
  readonly Export?: { readonly Name: Json };
}

/** A template whose sections have been checked for their form; macros have not run. */
export interface Template {
  readonly description?: string;
  readonly metadata?: Json;
  readonly rules?: Json;
  readonly transforms: readonly string[];
  readonly parameters: Readonly<Record<string, ParameterDeclaration>>;
  readonly mappings: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
  readonly conditions: Readonly<Record<string, Json>>;
  readonly resources: Readonly<Record<string, ResourceDeclaration>>;
  readonly outputs: Readonly<Record<string, OutputDeclaration>>;
}

const SECTIONS = new Set([
  'AWSTemplateFormatVersion',
  'Description',
  'Metadata',
  'Parameters',
  'Rules',
  'Mappings',
  'Conditions',
  'Transform',
  'Globals',
  'Resources',
  'Outputs',
  'Hooks',
]);

const RESOURCE_ATTRIBUTES = new Set([
  'Type',
  'Properties',
  'Condition',
  'DependsOn',
  'DeletionPolicy',
  'UpdateReplacePolicy',
  'UpdatePolicy',
  'CreationPolicy',
  'Metadata',
  // Of custom resources; it says nothing.
  'Version',
]);

/** Attributes that mean something to the SAM transform, which takes them away. */
const SERVERLESS_ATTRIBUTES = new Set(['Connectors', 'IgnoreGlobals']);

/** Checks the sections of a template that was read; loops in it are passed over. @throws validation in AWS's words */
export function parseTemplate(source: JsonObject): Template {
  const unknown = Object.keys(source).filter((section) => !SECTIONS.has(section));
  if (unknown.length) throw invalid(`Invalid template property or properties [${unknown.join(', ')}]`);
  if (source.AWSTemplateFormatVersion !== undefined && source.AWSTemplateFormatVersion !== '2010-09-09') {
    throw invalid('Template format error: AWSTemplateFormatVersion is not supported.');
  }
  // What would be passed over in silence is refused.
  if (source.Hooks !== undefined) throw invalid('Template format error: the Hooks section is not built in Millrace');
  const macros = transforms(source.Transform);
  const resources = section(source, 'Resources', (name, value) => resource(name, value, macros.length > 0));
  if (Object.keys(resources).length === 0 && !Object.keys(source.Resources ?? {}).some(isLoop)) {
    throw invalid('Template format error: At least one Resources member must be defined.');
  }
  const template: Template = {
    ...(typeof source.Description === 'string' && { description: source.Description }),
    ...(source.Metadata !== undefined && { metadata: source.Metadata }),
    ...(source.Rules !== undefined && { rules: source.Rules }),
    ...parseDeclarations(source),
    conditions: section(source, 'Conditions', (_name, value) => value),
    resources,
    outputs: section(source, 'Outputs', output),
  };
  checkSizes(template);
  return template;
}

/** What macros may know: parameters and mappings. */
export function parseDeclarations(source: JsonObject): Pick<Template, 'transforms' | 'parameters' | 'mappings'> {
  return {
    transforms: transforms(source.Transform),
    parameters: section(source, 'Parameters', parameter),
    mappings: section(source, 'Mappings', mapping),
  };
}

function section<T>(source: JsonObject, name: string, read: (name: string, value: Json) => T): Record<string, T> {
  const value = source[name];
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw invalid(`Template format error: ${name} section must be an object.`);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !isLoop(key))
      .map(([key, entry]) => {
        if (!/^[A-Za-z0-9]+$/.test(key) && name !== 'Mappings') {
          throw invalid(`Template format error: ${name} name ${key} is non alphanumeric.`);
        }
        return [key, read(key, entry)];
      }),
  );
}

function parameter(name: string, value: Json): ParameterDeclaration {
  if (!isObject(value) || typeof value.Type !== 'string') {
    throw invalid(`Template format error: Every Parameters object must contain a Type member. (${name})`);
  }
  if (!PARAMETER_TYPE.test(value.Type)) {
    throw invalid(
      `Template format error: Unrecognized parameter type: ${value.Type}. Valid values are CommaDelimitedList, List<Number>, Number, String, and the types of AWS and of parameters in SSM`,
    );
  }
  return value as unknown as ParameterDeclaration;
}

/** Types of AWS tell what the value is the name of; here it is not looked for. */
const PARAMETER_TYPE =
  /^(?:String|Number|CommaDelimitedList|List<(?:Number|String|AWS::[A-Za-z0-9:]+)>|AWS::[A-Za-z0-9:]+|AWS::SSM::Parameter::Value<(?:String|CommaDelimitedList|List<String>|(?:List<)?AWS::[A-Za-z0-9:]+>?)>)$/;

function mapping(name: string, value: Json): Record<string, JsonObject> {
  if (!isObject(value) || !Object.values(value).every(isObject)) {
    throw invalid(`Template format error: Every Mappings attribute must be a String or a List. (${name})`);
  }
  return value as Record<string, JsonObject>;
}

function resource(name: string, value: Json, hasMacros: boolean): ResourceDeclaration {
  if (!isObject(value)) throw invalid(`Template format error: [/Resources/${name}] resource definition is malformed`);
  const unknown = Object.keys(value).find(
    (attribute) => !RESOURCE_ATTRIBUTES.has(attribute) && !(hasMacros && SERVERLESS_ATTRIBUTES.has(attribute)),
  );
  if (unknown) throw invalid(`Template format error: Invalid attribute [${unknown}] in resource [${name}]`);
  if (typeof value.Type !== 'string') {
    throw invalid(`Template format error: [/Resources/${name}] Every Resources object must contain a Type member.`);
  }
  const properties = value.Properties ?? {};
  if (!isObject(properties)) throw invalid(`Template format error: [/Resources/${name}/Properties] must be an object.`);
  return {
    Type: value.Type,
    Properties: properties,
    ...(typeof value.Condition === 'string' && { Condition: value.Condition }),
    DependsOn: dependsOn(name, value.DependsOn),
    DeletionPolicy: deletionPolicy(name, value.DeletionPolicy),
    UpdateReplacePolicy: deletionPolicy(name, value.UpdateReplacePolicy),
    ...(value.Metadata !== undefined && { Metadata: value.Metadata }),
    ...(value.CreationPolicy !== undefined && { CreationPolicy: value.CreationPolicy }),
  };
}

function dependsOn(name: string, value: Json | undefined): readonly string[] {
  const list = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  if (list.every((item) => typeof item === 'string')) return list as string[];
  throw invalid(`Template format error: DependsOn must be a string or list of strings. (${name})`);
}

function deletionPolicy(name: string, value: Json | undefined): DeletionPolicy {
  if (value === undefined) return 'Delete';
  if (value === 'Delete' || value === 'Retain' || value === 'RetainExceptOnCreate') return value;
  if (value === 'Snapshot') {
    throw invalid(`Template error: DeletionPolicy Snapshot is not supported by the type of resource ${name}`);
  }
  throw invalid(`Template format error: Unrecognized DeletionPolicy ${JSON.stringify(value)} for resource ${name}`);
}

function output(name: string, value: Json): OutputDeclaration {
  if (!isObject(value) || value.Value === undefined) {
    throw invalid(`Template format error: Every Outputs member must contain a Value object (${name})`);
  }
  return value as unknown as OutputDeclaration;
}

function transforms(value: Json | undefined): readonly string[] {
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? value : [value];
  return list.map((item) => (isObject(item) ? String(item.Name) : String(item)));
}

function checkSizes(template: Template): void {
  const { resourcesMax, parametersMax, outputsMax, mappingsMax } = CLOUDFORMATION_LIMITS;
  const limits = { resources: resourcesMax, parameters: parametersMax, outputs: outputsMax, mappings: mappingsMax };
  for (const [name, limit] of Object.entries(limits) as [keyof typeof limits, number][]) {
    const count = Object.keys(template[name]).length;
    if (count > limit) {
      throw invalid(`Template format error: Number of ${name}, ${count}, is greater than maximum allowed, ${limit}`);
    }
  }
}
