import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { RUNTIME_API_DOOR } from './api/api-connection.ts';
import { ApiServer } from './api/api-server.ts';
import { LinuxMachine } from './machine/linux.ts';
import { ManagedRuntime, type NodeDoor, type RuntimeOptions } from './managed-runtime.ts';
import { openSandbox } from './sandbox/open.ts';
import type { Door, Sandbox } from './sandbox/sandbox.ts';
import { BlankPools } from './starts/blank-pools.ts';
import type { BlankPoolOptions } from './starts/blanks.ts';
import { CodeCaches } from './starts/code-caches.ts';
import { Launches } from './starts/launches.ts';
import { NodejsFamily } from './starts/nodejs.ts';
import { NodeBinaries } from './starts/nodejs-binaries.ts';
import { NodeImage } from './starts/nodejs-image.ts';
import { openNodejsSdk } from './starts/nodejs-sdk.ts';
import { NodejsSnapshots } from './starts/nodejs-snapshots.ts';
import { provided, supervisorOf } from './starts/provided.ts';
import { python } from './starts/python.ts';
import { SegmentDoor } from './starts/segment-door.ts';
import { TemplateSnapshots } from './starts/template-snapshots.ts';

/** The runtime that a node makes blank environments of before any function has asked for one: that of its own Node. */
const OWN_RUNTIME = `nodejs${process.versions.node.split('.', 1)[0]}.x`;

/** Opens the execution environments of a node. Starts no process before `blanksAfterMs` or the first reservation. */
export async function openRuntime(given: RuntimeOptions): Promise<ManagedRuntime> {
  const machine = given.machine ?? LinuxMachine.open();
  const options = { ...given, machine };
  const directory = join(options.directory, 'sandboxes');
  rmSync(directory, { recursive: true, force: true });
  const codeCaches = await CodeCaches.open(join(options.directory, 'code-cache'), options.logger);
  const sandbox = await openEngine(options, directory);
  const { clock, random, logger, metrics, blanks: size, blanksAfterMs = 500, nodeDoor } = options;
  const doors = () => doorsOf(nodeDoor);
  const accept: BlankPoolOptions['accept'] = nodeDoor ? { node: (socket) => nodeDoor.accept(socket) } : {};
  const gauges = {
    blanks: metrics.gauge('millrace_environments_blank', 'Processes of runtimes that wait for the code of a function'),
    hulls: metrics.gauge('millrace_sandboxes_standing', 'Sandboxes that stand without a process of a runtime'),
  };
  const segments = await openSegmentDoor(options, sandbox);
  const pools = { clock, random, size, machine, gauges, directory };
  const blanks = new BlankPools({ ...pools, sandbox, doors, accept, segments });
  const binaries = new NodeBinaries({ clock, random, logger, directory: options.runtimesDirectory });
  const snapshots = NodejsSnapshots.open({
    clock,
    blanks,
    engine: sandbox.engine,
    directory: join(options.directory, 'snapshots'),
  });
  const templates = new TemplateSnapshots({ sandbox, clock, random, codeCaches, directory, doors, accept });
  const image = NodeImage.open(join(options.directory, 'runtimes', 'nodejs'), clock, logger);
  const supervisor = supervisorOf(image);
  const sdk = openNodejsSdk(join(options.directory, 'runtimes', 'nodejs-sdk'));
  const nodejs = new NodejsFamily(binaries, image, snapshots, sdk, logger);
  const launches = new Launches([nodejs, python(logger, templates), provided(supervisor)], supervisor, segments);
  const own = launches.serves(OWN_RUNTIME) && launches.of(OWN_RUNTIME);
  if (own && !(own instanceof Promise)) blanks.of(own).fill(blanksAfterMs);
  return new ManagedRuntime(options, { sandbox, codeCaches, launches, blanks, segments, apis: new ApiServer() });
}

async function openSegmentDoor(
  { takeSegment: take, clock, metrics }: RuntimeOptions,
  { engine }: Sandbox,
): Promise<SegmentDoor | undefined> {
  if (!take) return undefined;
  const dropped = metrics.counter('millrace_segments_dropped_total', 'X-Ray segments that were not taken', {
    reason: 'flood',
  });
  return SegmentDoor.open({ engine, take, clock, dropped });
}

/** @returns nothing yet while the node does not listen */
function doorsOf(nodeDoor: NodeDoor | undefined): readonly Door[] | undefined {
  if (!nodeDoor) return [RUNTIME_API_DOOR];
  const address = nodeDoor.address();
  return address && [RUNTIME_API_DOOR, { name: 'node', ...address }];
}

async function openEngine(options: RuntimeOptions, directory: string): Promise<Sandbox> {
  const { engine = 'auto', clock, random, logger } = options;
  const { sandbox, weakerBecause } = await openSandbox({ engine, directory, clock, random });
  if (weakerBecause !== undefined) {
    logger.warn('sandbox engine process: functions are not isolated; see millrace doctor', { why: weakerBecause });
  }
  if (sandbox.gaps.length > 0) logger.warn('sandbox is weaker; see millrace doctor', { gaps: sandbox.gaps });
  return sandbox;
}
