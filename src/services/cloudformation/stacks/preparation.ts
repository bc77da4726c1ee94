import { CloudFormationError, invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { IAM_RESOURCE_TYPES, resourceType } from '../resources/index.ts';
import { SAM_TRANSFORM, transformSam } from '../sam/transform.ts';
import {
  isNoEcho,
  MASKED,
  type ParameterInput,
  type ParameterTexts,
  parameterValue,
  settleParameters,
} from '../template/parameters.ts';
import { activeResources, dependencyGraph, type StackIdentity } from '../template/program.ts';
import { readTemplate } from '../template/reader.ts';
import { parseTemplate, type Template } from '../template/template.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { computeOutputs, resourceProperties, scopeOf, templateOf, unknownWorld } from './evaluation.ts';
import type { Definition, Tag } from './model.ts';

/** Functions of this macro are built in, so that it has nothing to do. */
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

/**
 * Makes a definition of a request: reads the template, settles the parameters and runs the macros.
 *
 * @param previous  definition in force, for `UsePreviousValue`
 * @throws validation
 */
export function prepareDefinition(request: DefinitionRequest, previous: Definition | undefined): Definition {
  const { templateBody, parameters: inputs, ...rest } = request;
  const source = readSource(templateBody);
  const declared = parseTemplate(source);
  const parameters = settleParameters(declared, inputs, previous?.parameters ?? {});
  return { ...rest, templateBody, processed: runMacros(source, declared, parameters), parameters };
}

/** Reads a template of a size that is allowed. */
export function readSource(templateBody: string): JsonObject {
  const { templateBytesMax } = CLOUDFORMATION_LIMITS;
  if (Buffer.byteLength(templateBody) > templateBytesMax) {
    throw invalid(`Template may not exceed ${templateBytesMax} bytes in size.`);
  }
  return readTemplate(templateBody);
}

function runMacros(source: JsonObject, declared: Template, parameters: ParameterTexts): JsonObject {
  const unknown = declared.transforms.filter((name) => name !== SAM_TRANSFORM && name !== LANGUAGE_EXTENSIONS);
  if (unknown.length) throw invalid(`Transforms that are not built in Millrace: [${unknown.join(', ')}]`);
  if (!declared.transforms.includes(SAM_TRANSFORM)) return source;
  const values: Record<string, Json> = {};
  for (const [name, text] of Object.entries(parameters))
    values[name] = parameterValue(declared.parameters[name]!, text);
  return transformSam(source, values);
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
  checkTypes(template);
  checkCapabilities(definition, template);
  const scope = scopeOf(definition, identity, unknownWorld(template, importValue));
  dependencyGraph(scope);
  for (const id of Object.keys(activeResources(scope))) resourceProperties(id, scope, definition.tags);
  computeOutputs(scope);
}

function checkTypes(template: Template): void {
  const unknown = Object.entries(template.resources).filter(([, { Type }]) => !resourceType(Type));
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
): readonly { readonly ParameterKey: string; readonly ParameterValue: string }[] {
  const { parameters } = templateOf(definition);
  return Object.entries(definition.parameters).map(([ParameterKey, value]) => ({
    ParameterKey,
    ParameterValue: isNoEcho(parameters[ParameterKey]) ? MASKED : value,
  }));
}
