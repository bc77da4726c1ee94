import { join } from 'node:path';
import { startVariables } from '../environments/function-variables.ts';
import type { Failure } from '../environments/life-cycle.ts';
import type { LoadConfig } from '../environments/load-config.ts';
import type { FunctionSpec } from '../runtime.ts';
import type { Launch } from '../starts/launch.ts';
import { findBootstrap } from './entrypoint.ts';
import { SUPERVISOR_PATH } from './routes.ts';

/** What a blank process becomes, or starts as its supervisor; see `runtimes/nodejs/exec.js`. */
export interface Program {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly directory: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Descriptor that the program inherits: the channel, for a runtime of ours. */
  readonly channel?: number;
}

const CHANNEL = 3;

/** Variables of a function that its extensions do not see. @see Lambda developer guide, Extensions API, "Environment variables" */
const NOT_FOR_EXTENSIONS = new Set([
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_XRAY_CONTEXT_MISSING',
  'AWS_XRAY_DAEMON_ADDRESS',
  'LAMBDA_RUNTIME_DIR',
  'LAMBDA_TASK_ROOT',
  '_AWS_XRAY_DAEMON_ADDRESS',
  '_AWS_XRAY_DAEMON_PORT',
  '_HANDLER',
]);

/** The function's `bootstrap`, or a runtime of ours that is started beside extensions and will say once more that it is ready. */
export function programOf(config: LoadConfig, spec: FunctionSpec, { speaks, supervised }: Launch): Program | Failure {
  const { root: directory, layersRoot } = config;
  if (speaks !== 'http') {
    const { command, environment } = supervised!;
    const variables = { ...environment, ...startVariables(spec) };
    return { program: command[0]!, arguments: command, directory, variables, channel: CHANNEL };
  }
  const { codeDirectory, layers } = spec;
  const program = findBootstrap({ codeDirectory, layers, placement: { taskRoot: directory, layersRoot } });
  if (typeof program !== 'string') return program;
  return { program, arguments: [program], directory, variables: bootstrapVariables(config) };
}

/** As Lambda has them for a runtime of the function's own. */
function bootstrapVariables({
  variables,
  root,
  layersRoot,
  concurrency,
}: LoadConfig): Readonly<Record<string, string>> {
  const folders = ['/lib64', '/usr/lib64', root, join(root, 'lib'), join(layersRoot, 'lib')];
  const path = ['/usr/local/bin', '/usr/bin', '/bin', join(layersRoot, 'bin')];
  const several: Record<string, string> = concurrency > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(concurrency) } : {};
  return { PATH: path.join(':'), LD_LIBRARY_PATH: folders.join(':'), ...several, ...variables };
}

/** What a supervisor needs to know: which extensions it starts, and how it reaches the node. */
export function supervisionOf({ variables, layersRoot }: LoadConfig, extensions: readonly string[], token: string) {
  return {
    address: variables.AWS_LAMBDA_RUNTIME_API,
    path: SUPERVISOR_PATH,
    token,
    extensions: extensions.map((name) => ({ name, path: join(layersRoot, 'extensions', name) })),
    variables: Object.fromEntries(Object.entries(variables).filter(([name]) => !NOT_FOR_EXTENSIONS.has(name))),
  };
}
