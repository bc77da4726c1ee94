import { invalid } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';
import { TemplateApis } from './apis.ts';
import { expandApplication } from './application.ts';
import { TemplateBuckets } from './buckets.ts';
import { CONNECTOR_TYPE, expandConnectors } from './connectors.ts';
import { expandFunction } from './function.ts';
import { apiGlobals, functionGlobals, globalsFor, mergeGlobal } from './globals.ts';
import { expandLayer } from './layer.ts';
import { expandSimpleTable } from './simple-table.ts';

export const SAM_TRANSFORM = 'AWS::Serverless-2016-10-31';

/**
 * Runs the SAM transform: serverless resources become the plain ones they stand for.
 *
 * @param source  the template as read, `Transform` and `Globals` included
 * @param parameters  effective parameter values
 * @returns a plain template, without `Transform` and `Globals`
 * @throws validation  listing what is wrong, or a serverless type that is not built
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
 */
export function transformSam(source: JsonObject, parameters: Readonly<Record<string, Json>>): JsonObject {
  const globals = functionGlobals(source);
  const { Transform: _transform, Globals: _globals, Resources: resources, ...rest } = source;
  if (!isObject(resources)) throw invalid('Template format error: At least one Resources member must be defined.');
  const plain: Record<string, Json> = {};
  const references: Record<string, string> = {};
  const conditions: Record<string, Json> = {};
  const apis = new TemplateApis(resources, { Api: apiGlobals(source, 'Api'), HttpApi: apiGlobals(source, 'HttpApi') });
  const buckets = new TemplateBuckets(resources);
  for (const [id, declaration] of Object.entries(resources)) {
    const type = isObject(declaration) ? declaration.Type : undefined;
    if (!isObject(declaration) || typeof type !== 'string' || !type.startsWith('AWS::Serverless::')) {
      plain[id] = declaration;
      continue;
    }
    if (type === CONNECTOR_TYPE || TemplateApis.takes(type)) continue;
    if (type === 'AWS::Serverless::LayerVersion') {
      const { logicalId, resource } = expandLayer(
        id,
        declaration,
        (declaration.Properties ?? {}) as JsonObject,
        parameters,
      );
      plain[logicalId] = resource;
      references[id] = logicalId;
      continue;
    }
    if (type === 'AWS::Serverless::SimpleTable') {
      plain[id] = expandSimpleTable(id, declaration, (declaration.Properties ?? {}) as JsonObject);
      continue;
    }
    if (type === 'AWS::Serverless::Application') {
      plain[id] = expandApplication(id, declaration, (declaration.Properties ?? {}) as JsonObject);
      continue;
    }
    if (type !== 'AWS::Serverless::Function') throw notBuilt(id, type);
    const taken = globalsFor(id, globals, declaration.IgnoreGlobals);
    const merged = mergeGlobal(taken, declaration.Properties ?? {}) as JsonObject;
    const expanded = expandFunction(id, declaration, merged, parameters, apis, buckets);
    Object.assign(plain, expanded.resources);
    Object.assign(references, expanded.references);
    Object.assign(conditions, expanded.conditions);
  }
  Object.assign(plain, buckets.expand());
  const expanded = apis.expand();
  Object.assign(plain, expanded.resources);
  Object.assign(references, expanded.references);
  expandConnectors(resources, plain as Record<string, JsonObject>);
  const added = Object.keys(conditions).length > 0 && {
    Conditions: { ...(isObject(rest.Conditions) ? rest.Conditions : {}), ...conditions },
  };
  return redirect({ ...rest, ...added, Resources: plain }, references) as JsonObject;
}

function notBuilt(id: string, type: string): Error {
  return invalid(
    `Invalid Serverless Application Specification document. Resource with id [${id}] is invalid: the type ${type} is not built in Millrace; AWS::Serverless::Function, Api, Application, HttpApi, LayerVersion, SimpleTable and Connector are.`,
  );
}

/** Leads `!Ref Function.Alias` and `!Ref Layer` (also inside `Fn::Sub`, `Fn::GetAtt` and `DependsOn`) to the resource it stands for. */
function redirect(value: Json, references: Readonly<Record<string, string>>): Json {
  if (Array.isArray(value)) return value.map((item) => redirect(item as Json, references));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (key === 'Ref' && typeof member === 'string') return [key, references[member] ?? member];
      if (key === 'DependsOn') return [key, redirectNames(member, references)];
      if (key === 'Fn::Sub') return [key, redirectSub(member, references)];
      if (key === 'Fn::GetAtt') return [key, redirectAttribute(member, references)];
      return [key, redirect(member, references)];
    }),
  );
}

function redirectNames(names: Json, references: Readonly<Record<string, string>>): Json {
  if (typeof names === 'string') return references[names] ?? names;
  return Array.isArray(names) ? names.map((name) => redirectNames(name as Json, references)) : names;
}

/** `[Function, 'DestinationQueue.Arn']`: the attribute of what `Function.DestinationQueue` stands for. */
function redirectAttribute(argument: Json, references: Readonly<Record<string, string>>): Json {
  const path = typeof argument === 'string' ? [argument] : argument;
  if (!Array.isArray(path) || !path.every((part) => typeof part === 'string')) return redirect(argument, references);
  const [id, ...attribute] = redirectPath(path.join('.'), references).split('.');
  return attribute.length > 0 ? [id!, attribute.join('.')] : argument;
}

/** `Function.Alias`, `Layer`, and either with an attribute behind it. */
function redirectPath(path: string, references: Readonly<Record<string, string>>): string {
  const parts = path.split('.');
  for (const count of [2, 1]) {
    const target = references[parts.slice(0, count).join('.')];
    if (target !== undefined) return [target, ...parts.slice(count)].join('.');
  }
  return path;
}

function redirectSub(argument: Json, references: Readonly<Record<string, string>>): Json {
  const inText = (text: string) =>
    text.replace(
      /\$\{([A-Za-z0-9]+(?:\.[A-Za-z0-9.]+)?)\}/g,
      (_whole, path: string) => `\${${redirectPath(path, references)}}`,
    );
  if (typeof argument === 'string') return inText(argument);
  if (!Array.isArray(argument) || typeof argument[0] !== 'string') return redirect(argument, references);
  return [inText(argument[0]), ...argument.slice(1).map((part) => redirect(part as Json, references))];
}
