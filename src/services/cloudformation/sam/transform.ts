import { invalid } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';
import { expandFunction } from './function.ts';
import { functionGlobals, mergeGlobal } from './globals.ts';
import { expandLayer } from './layer.ts';

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
  for (const [id, declaration] of Object.entries(resources)) {
    const type = isObject(declaration) ? declaration.Type : undefined;
    if (!isObject(declaration) || typeof type !== 'string' || !type.startsWith('AWS::Serverless::')) {
      plain[id] = declaration;
      continue;
    }
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
    if (type !== 'AWS::Serverless::Function') throw notBuilt(id, type);
    const merged = mergeGlobal(globals, declaration.Properties ?? {}) as JsonObject;
    const expanded = expandFunction(id, declaration, merged, parameters);
    Object.assign(plain, expanded.resources);
    Object.assign(references, expanded.references);
  }
  return redirect({ ...rest, Resources: plain }, references) as JsonObject;
}

function notBuilt(id: string, type: string): Error {
  return invalid(
    `Invalid Serverless Application Specification document. Resource with id [${id}] is invalid: the type ${type} is not built in Millrace; AWS::Serverless::Function and AWS::Serverless::LayerVersion are.`,
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
      return [key, redirect(member, references)];
    }),
  );
}

function redirectNames(names: Json, references: Readonly<Record<string, string>>): Json {
  if (typeof names === 'string') return references[names] ?? names;
  return Array.isArray(names) ? names.map((name) => redirectNames(name as Json, references)) : names;
}

function redirectSub(argument: Json, references: Readonly<Record<string, string>>): Json {
  const inText = (text: string) =>
    text.replace(/\$\{([A-Za-z0-9]+(?:\.[A-Za-z]+)?)\}/g, (whole, name: string) =>
      references[name] === undefined ? whole : `\${${references[name]}}`,
    );
  if (typeof argument === 'string') return inText(argument);
  if (!Array.isArray(argument) || typeof argument[0] !== 'string') return redirect(argument, references);
  return [inText(argument[0]), ...argument.slice(1).map((part) => redirect(part as Json, references))];
}
