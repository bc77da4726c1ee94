import { invalid } from '../errors.ts';
import type { Json } from '../template/value.ts';
import type { Stack } from './model.ts';
import type { StackStore } from './store.ts';

export interface Export {
  readonly stackId: string;
  readonly name: string;
  readonly value: string;
}

/** What stacks of a region give to each other: each name once, and none may go while it is used. */
export class Exports {
  readonly #store: StackStore;

  constructor(store: StackStore) {
    this.#store = store;
  }

  /** Exports of a region by name. */
  list(region: string): readonly Export[] {
    return this.#store
      .stacks()
      .filter((stack) => stack.region === region && stack.status !== 'DELETE_COMPLETE')
      .flatMap((stack) =>
        stack.outputs.flatMap(({ exportName, value }) =>
          exportName === undefined ? [] : [{ stackId: stack.id, name: exportName, value }],
        ),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Names of the stacks that import an export. */
  importers(region: string, exportName: string): readonly string[] {
    return this.#store
      .stacks()
      .filter((stack) => stack.region === region && stack.imports.includes(exportName))
      .map(({ name }) => name)
      .sort();
  }

  /** @throws validation when no stack exports the name */
  importValue(region: string, name: string): Json {
    const found = this.list(region).find((one) => one.name === name);
    if (!found) throw invalid(`No export named ${name} found.`);
    return found.value;
  }

  /** An export may not go while another stack uses it. @param kept names that stay @throws validation */
  requireUnused(stack: Stack, kept: readonly string[]): void {
    for (const { exportName } of stack.outputs) {
      if (exportName === undefined || kept.includes(exportName)) continue;
      const users = this.importers(stack.region, exportName).filter((name) => name !== stack.name);
      if (users.length) throw invalid(`Export ${exportName} cannot be deleted as it is in use by ${users.join(', ')}`);
    }
  }

  /** @throws validation when another stack exports one of the names */
  requireFree(stack: Stack, names: readonly string[]): void {
    const taken = this.list(stack.region).find(({ name, stackId }) => names.includes(name) && stackId !== stack.id);
    if (!taken) return;
    throw invalid(`Export with name ${taken.name} is already exported by stack ${taken.stackId.split('/')[1]}.`);
  }
}
