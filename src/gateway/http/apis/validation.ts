/* What methods of REST APIs ask of requests. */
import type { ValidateFunction } from 'ajv';
import type { RestContent, RestMethod } from '../../../services/apigateway/index.ts';
import { headerOf } from './arrival.ts';
import type { ApiCall } from './call.ts';
import { restInternal, restRefusal } from './rest-answers.ts';

/** Schemas, compiled once for each state of an API. */
const compiled = new WeakMap<RestContent, Map<string, ValidateFunction>>();

/** @throws Refusal  the request is not what its method asks for */
export async function validateRequest(call: ApiCall, method: RestMethod, content: RestContent): Promise<void> {
  const validator = content.validators[method.requestValidatorId ?? ''];
  if (!validator) return;
  if (validator.validateRequestParameters) checkParameters(call, method);
  if (validator.validateRequestBody) await checkBody(call, method, content);
}

function checkParameters(call: ApiCall, { requestParameters = {} }: RestMethod): void {
  const missing = Object.entries(requestParameters)
    .filter(([, isRequired]) => isRequired)
    .map(([key]) => /^method\.request\.(header|querystring|path)\.(.+)$/.exec(key))
    .filter((match) => match !== null)
    .filter(([, place, name]) => valueAt(call, place!, name!) === undefined)
    .map(([, , name]) => name!);
  if (missing.length === 0) return;
  throw restRefusal('BAD_REQUEST_PARAMETERS', `Missing required request parameters: [${missing.join(', ')}]`);
}

function valueAt(call: ApiCall, place: string, name: string): string | undefined {
  const value =
    place === 'header'
      ? headerOf(call.arrival, name.toLowerCase())
      : place === 'path'
        ? call.pathVariable(name)
        : call.queryValue(name);
  return value === '' ? undefined : value;
}

async function checkBody(call: ApiCall, { requestModels = {} }: RestMethod, content: RestContent): Promise<void> {
  const type = (headerOf(call.arrival, 'content-type') ?? 'application/json').split(';', 1)[0]!.trim().toLowerCase();
  const name = requestModels[type] ?? requestModels.$default;
  if (name === undefined || name === 'Empty') return;
  const validate = await validatorOf(name, content);
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(call.body).toString());
  } catch {
    throw restRefusal('BAD_REQUEST_BODY', 'Invalid request body');
  }
  if (!validate(body)) throw restRefusal('BAD_REQUEST_BODY', 'Invalid request body');
}

async function validatorOf(name: string, content: RestContent): Promise<ValidateFunction> {
  const known = compiled.get(content)?.get(name);
  if (known) return known;
  const schema = content.models[name]?.schema;
  if (schema === undefined) throw restInternal();
  const { Ajv } = await import('ajv');
  const ajv = new Ajv({ strict: false, logger: false, validateSchema: false });
  for (const model of Object.values(content.models)) {
    if (model.name !== name && model.schema) ajv.addSchema(plain(model.schema), model.name);
  }
  const validate = ajv.compile(plain(schema));
  const all = compiled.get(content) ?? new Map<string, ValidateFunction>();
  compiled.set(content, all.set(name, validate));
  return validate;
}

/** Draft 4, which models are written in, without what the validator would read otherwise; references to other models by their names. */
function plain(schema: string): object {
  return JSON.parse(schema, (key, value: unknown) => {
    if (key === '$schema') return undefined;
    if (key !== '$ref' || typeof value !== 'string') return value;
    return value.replace(
      /^(?:https:\/\/apigateway\.amazonaws\.com\/restapis\/[^/]+\/models\/|#\/(?:definitions|components\/schemas)\/)/,
      '',
    );
  }) as object;
}
