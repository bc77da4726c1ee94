import { invalid } from '../errors.ts';
import { asIntrinsic, isObject, type Json, type JsonObject } from '../template/value.ts';

const GLOBAL_PROPERTIES = new Set([
  'Handler',
  'Runtime',
  'CodeUri',
  'DeadLetterQueue',
  'Description',
  'MemorySize',
  'Timeout',
  'VpcConfig',
  'Environment',
  'Tags',
  'PropagateTags',
  'Tracing',
  'KmsKeyArn',
  'AutoPublishAlias',
  'AutoPublishAliasAllProperties',
  'Layers',
  'DeploymentPreference',
  'RolePath',
  'PermissionsBoundary',
  'ReservedConcurrentExecutions',
  'ProvisionedConcurrencyConfig',
  'AssumeRolePolicyDocument',
  'EventInvokeConfig',
  'FileSystemConfigs',
  'CodeSigningConfigArn',
  'Architectures',
  'SnapStart',
  'EphemeralStorage',
  'FunctionUrlConfig',
  'RuntimeManagementConfig',
  'LoggingConfig',
  'RecursiveLoop',
  'SourceKMSKeyArn',
  'VersionDeletionPolicy',
]);

/** What `Globals` may say of APIs. */
const API_PROPERTIES = {
  Api: new Set([
    ...['Auth', 'Name', 'DefinitionUri', 'CacheClusterEnabled', 'CacheClusterSize', 'MergeDefinitions', 'Variables'],
    ...['EndpointConfiguration', 'MethodSettings', 'BinaryMediaTypes', 'MinimumCompressionSize', 'Cors'],
    ...['GatewayResponses', 'AccessLogSetting', 'CanarySetting', 'TracingEnabled', 'OpenApiVersion', 'Domain'],
    ...['AlwaysDeploy', 'PropagateTags', 'SecurityPolicy', 'EndpointAccessMode'],
  ]),
  HttpApi: new Set([
    ...['Auth', 'AccessLogSettings', 'StageVariables', 'Tags', 'CorsConfiguration', 'DefaultRouteSettings'],
    ...['Domain', 'RouteSettings', 'FailOnWarnings', 'PropagateTags'],
  ]),
} as const;

/** Sections for types that are refused where they are used; here they only stand by. */
const IDLE_SECTIONS = new Set(['SimpleTable', 'StateMachine', 'LayerVersion', 'CapacityProvider', 'WebSocketApi']);

/** What the `Globals` section gives to every function. @throws validation an unknown section or property */
export function functionGlobals(source: JsonObject): JsonObject {
  const globals = source.Globals ?? {};
  if (!isObject(globals)) throw invalid("'Globals' section is invalid. It must be a non-empty dictionary");
  const isApi = (section: string) => section === 'Api' || section === 'HttpApi';
  const unknown = Object.keys(globals).find(
    (section) => section !== 'Function' && !isApi(section) && !IDLE_SECTIONS.has(section),
  );
  if (unknown) throw invalid(`'Globals' section is invalid. '${unknown}' is not supported.`);
  const properties = globals.Function ?? {};
  if (!isObject(properties)) throw invalid("'Globals' section is invalid. Value of Function must be a dictionary");
  const stranger = Object.keys(properties).find((property) => !GLOBAL_PROPERTIES.has(property));
  if (stranger) {
    throw invalid(
      `'Globals' section is invalid. '${stranger}' is not a supported property of 'Function'. Must be one of the following values - [${[...GLOBAL_PROPERTIES].map((one) => `'${one}'`).join(', ')}]`,
    );
  }
  return properties;
}

/** What the `Globals` section gives to every API of a kind. @throws validation an unknown property */
export function apiGlobals(source: JsonObject, kind: keyof typeof API_PROPERTIES): JsonObject {
  const properties = isObject(source.Globals) ? (source.Globals[kind] ?? {}) : {};
  if (!isObject(properties)) throw invalid(`'Globals' section is invalid. Value of ${kind} must be a dictionary`);
  const known: ReadonlySet<string> = API_PROPERTIES[kind];
  const stranger = Object.keys(properties).find((property) => !known.has(property));
  if (stranger === undefined) return properties;
  const names = [...known].map((one) => `'${one}'`).join(', ');
  throw invalid(
    `'Globals' section is invalid. '${stranger}' is not a supported property of '${kind}'. Must be one of the following values - [${names}]`,
  );
}

/** The globals that a resource takes: those that its `IgnoreGlobals` names are left out. @throws validation */
export function globalsFor(id: string, globals: JsonObject, ignored: Json | undefined): JsonObject {
  if (ignored === undefined) return globals;
  if (ignored === '*') return {};
  const wrong = `Resource ${id} has invalid resource attribute 'IgnoreGlobals'`;
  if (!Array.isArray(ignored)) throw invalid(`${wrong}.`);
  const unknown = ignored.find((name) => typeof name !== 'string' || !Object.hasOwn(globals, name));
  if (unknown !== undefined) throw invalid(`${wrong} on item '${String(unknown)}'.`);
  return Object.fromEntries(Object.entries(globals).filter(([name]) => !ignored.includes(name)));
}

/** Lays a resource's own value over the global one: objects merge, lists join, anything else replaces. */
export function mergeGlobal(global: Json | undefined, local: Json | undefined): Json | undefined {
  if (global === undefined) return local;
  if (local === undefined) return global;
  if (Array.isArray(global) && Array.isArray(local)) return [...global, ...local];
  if (!isPlain(global) || !isPlain(local)) return local;
  const keys = [...Object.keys(global), ...Object.keys(local).filter((key) => !Object.hasOwn(global, key))];
  return Object.fromEntries(keys.map((key) => [key, mergeGlobal(global[key], local[key])!]));
}

function isPlain(value: Json): value is JsonObject {
  return isObject(value) && asIntrinsic(value) === undefined;
}
