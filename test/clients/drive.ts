import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { builtOperations } from '../../scripts/compatibility.ts';
import type { Node } from '../../src/node/index.ts';
import { serviceTable } from '../../src/schemas/index.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { devNode } from '../support/in-process.ts';
import { openAwsCli } from './drivers/aws-cli.ts';
import { openBoto3 } from './drivers/boto3.ts';
import type { Driver, NoDriver } from './drivers/driver.ts';
import { openSdkJs } from './drivers/sdk-js.ts';
import { departures } from './model.ts';
import type { ClientName, Scenario } from './scenario.ts';

const DRIVERS: Readonly<Record<ClientName, (endpoint: string) => Promise<Driver | NoDriver>>> = {
  'sdk-js': openSdkJs,
  boto3: openBoto3,
  'aws-cli': openAwsCli,
};

/**
 * Runs a scenario by every client, and holds that each has driven all that is built of the service, and that answers are what AWS's
 * model says of them.
 */
export function drive(scenario: Scenario): void {
  const scope = new AsyncDisposableStack();
  let node: Node;
  let built: readonly string[];

  before(async () => {
    const { path } = scope.use(await temporaryDirectory());
    node = scope.use(await devNode(join(path, 'data'), await scenario.configure?.(path)));
    built = [...(await builtOperations()).get(scenario.service)!];
  });
  after(() => scope.disposeAsync());

  for (const [client, open] of Object.entries(DRIVERS) as [ClientName, (typeof DRIVERS)[ClientName]][]) {
    test(`${client} drives every operation of ${scenario.service}`, async (t) => {
      await using driver = await open(node.endpoint);
      if ('missing' in driver) return t.skip(driver.missing);
      const { driven, refused, departed } = await run(scenario, client, driver, node);
      const drivable = await known(driver, scenario.service, built);
      const { refused: reasons = {} } = scenario;
      const isRefused = (operation: string) => Object.hasOwn(reasons, operation);
      assert.deepEqual([...driven].sort(), drivable.filter((operation) => !isRefused(operation)).sort());
      assert.deepEqual([...refused].filter(isRefused).sort(), drivable.filter(isRefused).sort());
      assert.deepEqual(Object.keys(reasons).sort(), built.filter(isRefused).sort(), 'a reason for what is not built');
      // The others read by models that are older than the one that is held against answers.
      if (client === 'sdk-js') checkDepartures(departed, scenario);
    });
  }
}

function checkDepartures(departed: Readonly<Record<string, string>>, { departures: explained = {} }: Scenario): void {
  const unexplained = Object.entries(departed).filter(([place]) => !Object.hasOwn(explained, place));
  assert.deepEqual(Object.fromEntries(unexplained), {}, "answers depart from AWS's model");
  const stale = Object.keys(explained).filter((place) => !Object.hasOwn(departed, place));
  assert.deepEqual(stale, [], "a reason stands for answers that are of AWS's model");
}

/** @returns the operations that succeeded at least once, those that were refused, and where answers depart from the model */
async function run({ service, run }: Scenario, client: ClientName, driver: Driver, node: Node) {
  const driven = new Set<string>();
  const refused = new Set<string>();
  const departed: Record<string, string> = {};
  const table = serviceTable(service);
  await run({
    client,
    call: async (operation, input = {}) => {
      try {
        const answer = await driver.call(service, operation, input);
        driven.add(operation);
        Object.assign(departed, departures(table, operation, answer));
        return answer;
      } catch (error) {
        refused.add(operation);
        throw error;
      }
    },
    of:
      (other) =>
      (operation, input = {}) =>
        driver.call(other, operation, input),
    name: (stem) => `${stem}-${client}`,
    knows: (operation, member) => driver.knows(service, operation, member),
    node,
  });
  return { driven, refused, departed };
}

/** Those of the operations that the client's own model has. */
async function known(driver: Driver, service: string, operations: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const operation of operations) if (await driver.knows(service, operation)) found.push(operation);
  return found;
}
