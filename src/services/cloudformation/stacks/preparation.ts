import { CloudFormationError, invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { IAM_RESOURCE_TYPES, resourceType } from '../resources/index.ts';
import { SAM_TRANSFORM, transformSam } from '../sam/transform.ts';
import { evaluate, type Scope } from '../template/evaluate.ts';
import { hasIncludes, runIncludes } from '../template/includes.ts';
import type { ReadObject } from '../template/location.ts';
import { isLoop } from '../template/loop-keys.ts';
import { runExtensions } from '../template/loops.ts';
import {
  isNoEcho,
  isStored,
  MASKED,
  type ParameterInput,
  type ParameterTexts,
  parameterValue,
  settleParameters,
} from '../template/parameters.ts';
import { activeResources, createScope, dependencyGraph, EMPTY_WORLD, type StackIdentity } from '../template/program.ts';
import { readTemplate } from '../template/reader.ts';
import { checkRules } from '../template/rules.ts';
import { parseDeclarations, type Template } from '../template/template.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { computeOutputs, resourceProperties, scopeOf, templateOf, unknownWorld } from './evaluation.ts';
import type { Definition, Tag } from './model.ts';

const LANGUAGE_EXTENSIONS = 'AWS::LanguageExtensions';

/** What a request says about the stack to be. */
export interface DefinitionRequest {
  readonly templateBody: string;
  readonly parameters: readonly ParameterInput[];
  readonly tags: readonly Tag[];
  readonly capabilities: readonly string[];
  readonly notificationArns: readonly string[];
  readonly roleArn?: string;
}

/** What preparing a template reaches. */
export interface Surroundings {
  readonly identity: StackIdentity;
  readonly readObject: ReadObject;
  /** Value of a parameter in SSM. */
  readonly storedParameter: (name: string) => Promise<string>;
}

/**
 * Makes a definition of a request: reads the template, settles the parameters and runs the macros.
 *
 * @param previous  definition in force, for `UsePreviousValue`
 * @throws validation
 */
export async function prepareDefinition(
  request: DefinitionRequest,
  previous: Definition | undefined,
  surroundings: Surroundings,
): Promise<Definition> {
  const { templateBody, parameters: inputs, ...rest } = request;
  const written = readSource(templateBody);
  const first = parseDeclarations(written);
  const source = hasIncludes(written) ? await include(written, first, inputs, previous, surroundings) : written;
  const declared = parseDeclarations(source);
  const parameters = settleParameters(declared, inputs, previous?.parameters ?? {});
  const stored = await readStored(declared, parameters, surroundings);
  const texts = { ...parameters, ...stored };
  const hasMacros = first.transforms.length > 0 || declared.transforms.length > 0 || source !== written;
  return {
    ...rest,
    templateBody,
    ...(hasMacros && { hasMacros }),
    processed: runMacros(source, declared, texts, surroundings.identity),
    parameters,
    ...(Object.keys(stored).length > 0 && { stored }),
  };
}

type Declarations = Pick<Template, 'transforms' | 'parameters' | 'mappings'>;

/** The locations may be parameters, of which only those that are declared outside count. */
function include(
  source: JsonObject,
  declared: Declarations,
  inputs: readonly ParameterInput[],
  previous: Definition | undefined,
  { identity, readObject }: Surroundings,
): Promise<JsonObject> {
  const known = inputs.filter(({ ParameterKey = '' }) => Object.hasOwn(declared.parameters, ParameterKey));
  const scope = macroScope(declared, settleParameters(declared, known, previous?.parameters ?? {}), identity);
  const compute = (location: Json) => String(evaluate(location, scope, '/Transform'));
  return runIncludes(source, compute, readObject);
}

/** Parameters and mappings are all that macros know. */
function macroScope(declared: Declarations, parameters: ParameterTexts, identity: StackIdentity): Scope {
  return createScope({ ...declared, conditions: {}, resources: {}, outputs: {} }, parameters, identity, EMPTY_WORLD);
}

async function readStored(
  { parameters: declared }: Declarations,
  parameters: ParameterTexts,
  { storedParameter }: Surroundings,
): Promise<ParameterTexts> {
  const named = Object.entries(parameters).filter(([name]) => isStored(declared[name]!));
  return Object.fromEntries(await Promise.all(named.map(async ([name, key]) => [name, await storedParameter(key)])));
}

/** Reads a template of a size that is allowed. */
export function readSource(templateBody: string): JsonObject {
  const { templateBytesMax } = CLOUDFORMATION_LIMITS;
  if (Buffer.byteLength(templateBody) > templateBytesMax) {
    throw invalid(`Template may not exceed ${templateBytesMax} bytes in size.`);
  }
  return readTemplate(templateBody);
}

function runMacros(
  source: JsonObject,
  declared: Declarations,
  parameters: ParameterTexts,
  identity: StackIdentity,
): JsonObject {
  const unknown = declared.transforms.filter((name) => name !== SAM_TRANSFORM && name !== LANGUAGE_EXTENSIONS);
  if (unknown.length) throw invalid(`Transforms that are not built in Millrace: [${unknown.join(', ')}]`);
  const extended = declared.transforms.includes(LANGUAGE_EXTENSIONS)
    ? runExtensions(source, macroScope(declared, parameters, identity))
    : source;
  refuseLoops(extended);
  if (!declared.transforms.includes(SAM_TRANSFORM)) return extended;
  const values: Record<string, Json> = {};
  for (const [name, text] of Object.entries(parameters))
    values[name] = parameterValue(declared.parameters[name]!, text);
  return transformSam(extended, values);
}

/** A loop without its transform would be passed over. */
function refuseLoops(source: JsonObject): void {
  const keys = ['Conditions', 'Resources', 'Outputs'].flatMap((section) => Object.keys(source[section] ?? {}));
  const loop = keys.find(isLoop);
  if (loop) throw invalid(`Template format error: ${loop} needs the transform ${LANGUAGE_EXTENSIONS}`);
}

/**
 * Checks all that can be known before anything is made: types, names, circles, properties, outputs.
 *
 * @throws validation, capabilities-missing
 */
export function checkDefinition(
  definition: Definition,
  identity: StackIdentity,
  importValue: (name: string) => Json,
): void {
  const template = templateOf(definition);
  const scope = scopeOf(definition, identity, unknownWorld(template, importValue));
  checkTypes(template, new Set(Object.keys(activeResources(scope))));
  checkCapabilities(definition, template);
  checkRules(template.rules, scope);
  dependencyGraph(scope);
  for (const id of Object.keys(activeResources(scope))) resourceProperties(id, scope, definition.tags);
  computeOutputs(scope);
}

/** What a condition leaves out may be of any type: CDK's bootstrap has a key of KMS that is made on request only. */
function checkTypes(template: Template, active: ReadonlySet<string>): void {
  const unknown = Object.entries(template.resources).filter(([id, { Type }]) => active.has(id) && !resourceType(Type));
  if (unknown.length === 0) return;
  const list = unknown.map(([id, { Type }]) => `${Type} (${id})`).join(', ');
  throw invalid(`Template format error: Unrecognized resource types: [${list}]: these types are not built in Millrace`);
}

function checkCapabilities({ capabilities }: Definition, template: Template): void {
  const { required } = requiredCapabilities(template);
  const granted = new Set(capabilities);
  if (granted.has('CAPABILITY_NAMED_IAM')) granted.add('CAPABILITY_IAM');
  const missing = required.filter((capability) => !granted.has(capability));
  if (missing.length) throw capabilitiesMissing(missing);
}

export function capabilitiesMissing(missing: readonly string[]): CloudFormationError {
  return new CloudFormationError('capabilities-missing', `Requires capabilities : [${missing.join(', ')}]`);
}

/** What the caller must agree to, and which types ask for it. */
export function requiredCapabilities(template: Template): {
  readonly required: readonly string[];
  readonly reason?: string;
} {
  const resources = Object.values(template.resources).filter(({ Type }) => IAM_RESOURCE_TYPES.has(Type));
  if (resources.length === 0) return { required: [] };
  const named = resources.some(({ Type, Properties }) => {
    const property = resourceType(Type)?.naming?.property;
    return property !== undefined && property !== 'Id' && Properties[property] !== undefined;
  });
  const types = [...new Set(resources.map(({ Type }) => Type))].sort();
  return {
    required: [named ? 'CAPABILITY_NAMED_IAM' : 'CAPABILITY_IAM'],
    reason: `The following resource(s) require capabilities: [${types.join(', ')}]`,
  };
}

/** Parameters as answers show them. */
export function shownParameters(
  definition: Definition,
): readonly { readonly ParameterKey: string; readonly ParameterValue: string; readonly ResolvedValue?: string }[] {
  const { parameters } = templateOf(definition);
  return Object.entries(definition.parameters).map(([ParameterKey, value]) => ({
    ParameterKey,
    ParameterValue: isNoEcho(parameters[ParameterKey]) ? MASKED : value,
    ...(definition.stored?.[ParameterKey] !== undefined && {
      ResolvedValue: isNoEcho(parameters[ParameterKey]) ? MASKED : definition.stored[ParameterKey],
    }),
  }));
}
