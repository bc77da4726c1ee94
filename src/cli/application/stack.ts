import { type Clock, hasCode } from '../../base/index.ts';
import type { Client } from '../client.ts';
import { CommandError } from '../command.ts';
import { type Colour, paint, type Terminal } from '../terminal.ts';

const VERSION = '2010-05-15';

/** How often the events of a stack are asked for while it is worked on. */
const POLL_MS = 150;

/** The words by which a change set says that there is nothing to do. */
const NOTHING = /didn't contain changes|No updates are to be performed/;

export interface StackOutput {
  readonly OutputKey: string;
  readonly OutputValue: string;
  readonly Description?: string;
}

interface StackState {
  readonly StackId: string;
  readonly StackStatus: string;
  readonly StackStatusReason?: string;
  readonly Outputs?: readonly StackOutput[];
  readonly Parameters?: readonly { readonly ParameterKey: string }[];
}

export interface StackChange {
  readonly stackName: string;
  readonly template: { readonly TemplateBody: string } | { readonly TemplateURL: string };
  /** Names that the template declares. */
  readonly declared: readonly string[];
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** What came of a deployment. */
export interface StackOutcome {
  readonly changed: boolean;
  readonly outputs: readonly StackOutput[];
}

/** A stack of a node, through its public API, with progress for a person. */
export class RemoteStack {
  readonly name: string;
  readonly #client: Client;
  readonly #terminal: Terminal;
  readonly #clock: Clock;

  constructor(name: string, client: Client, terminal: Terminal, clock: Clock) {
    this.name = name;
    this.#client = client;
    this.#terminal = terminal;
    this.#clock = clock;
  }

  /** The stack as it is; `undefined` when there is none. */
  async describe(idOrName = this.name): Promise<StackState | undefined> {
    try {
      const { Stacks } = await this.#call('DescribeStacks', { StackName: idOrName });
      return Stacks[0];
    } catch (error) {
      if (hasCode(error, 'ValidationError')) return undefined;
      throw error;
    }
  }

  /** Physical ids of the stack's resources of one type, by logical id. */
  async physicalIds(type: string): Promise<ReadonlyMap<string, string>> {
    const { StackResources = [] } = await this.#call('DescribeStackResources', { StackName: this.name });
    return new Map(
      [StackResources]
        .flat()
        .filter((one: any) => one.ResourceType === type)
        .map((one: any) => [one.LogicalResourceId, one.PhysicalResourceId]),
    );
  }

  /** Creates or updates the stack by a change set, showing each resource as it goes. @throws CommandError when it fails */
  async deploy(change: StackChange): Promise<StackOutcome> {
    const existing = await this.#replaceable();
    const creating = !existing || existing.StackStatus === 'REVIEW_IN_PROGRESS';
    const name = `millrace-${this.#clock.now()}`;
    await this.#call('CreateChangeSet', changeSetInput(change, name, existing, creating));
    if (!(await this.#changes(name))) return { changed: false, outputs: list(existing?.Outputs) };
    const { StackId } = (await this.describe())!;
    const after = await this.#newestEvent(StackId);
    await this.#call('ExecuteChangeSet', { StackName: StackId, ChangeSetName: name });
    const state = await this.#follow(StackId, after);
    if (!/^(CREATE|UPDATE)_COMPLETE$/.test(state.StackStatus)) {
      throw new CommandError(
        `stack ${this.name} is ${state.StackStatus}${state.StackStatusReason ? `: ${state.StackStatusReason}` : ''}; the lines above say which resource failed and why`,
      );
    }
    return { changed: true, outputs: list(state.Outputs) };
  }

  /** Deletes the stack and waits until it is gone; false when there was none. */
  async remove(): Promise<boolean> {
    const existing = await this.describe();
    if (!existing) return false;
    const after = await this.#newestEvent(existing.StackId);
    await this.#call('DeleteStack', { StackName: existing.StackId });
    const state = await this.#follow(existing.StackId, after);
    if (state.StackStatus === 'DELETE_COMPLETE') return true;
    throw new CommandError(
      `stack ${this.name} is ${state.StackStatus}: ${state.StackStatusReason ?? 'see the lines above'}`,
    );
  }

  /** A stack whose creation was rolled back holds nothing and takes no update: it makes room for a new one. */
  async #replaceable(): Promise<StackState | undefined> {
    const existing = await this.#atRest();
    if (existing?.StackStatus !== 'ROLLBACK_COMPLETE') return existing;
    this.#terminal.err(`stack ${this.name} was rolled back when it was created; making it anew\n`);
    await this.remove();
    return undefined;
  }

  /** A stack that is being worked on (by another, or taken up again after a crash) is waited for. */
  async #atRest(): Promise<StackState | undefined> {
    const existing = await this.describe();
    if (!existing || !/(?<!REVIEW)_IN_PROGRESS$/.test(existing.StackStatus)) return existing;
    this.#terminal.err(`stack ${this.name} is ${existing.StackStatus}: waiting for its end\n`);
    await this.#follow(existing.StackId, await this.#newestEvent(existing.StackId));
    return this.describe();
  }

  async #changes(changeSetName: string): Promise<boolean> {
    for (;;) {
      const set = await this.#call('DescribeChangeSet', { StackName: this.name, ChangeSetName: changeSetName });
      if (set.Status === 'CREATE_COMPLETE') return true;
      if (set.Status === 'FAILED') {
        await this.#call('DeleteChangeSet', { StackName: this.name, ChangeSetName: changeSetName });
        if (NOTHING.test(set.StatusReason ?? '')) return false;
        throw new CommandError(`the change set failed: ${set.StatusReason}`);
      }
      await this.#clock.sleep(POLL_MS);
    }
  }

  async #newestEvent(stackId: string): Promise<string | undefined> {
    return (await this.#events(stackId))[0]?.EventId;
  }

  async #events(stackId: string): Promise<readonly any[]> {
    return list((await this.#call('DescribeStackEvents', { StackName: stackId })).StackEvents);
  }

  /** Shows events as they come, until the stack has come to rest. */
  async #follow(stackId: string, after: string | undefined): Promise<StackState> {
    let seen = after;
    for (;;) {
      const state = (await this.describe(stackId))!;
      const events = await this.#events(stackId);
      const index = events.findIndex((event) => event.EventId === seen);
      for (const event of events.slice(0, index < 0 ? events.length : index).reverse()) this.#show(event, stackId);
      seen = events[0]?.EventId;
      if (!state.StackStatus.endsWith('_IN_PROGRESS')) return state;
      await this.#clock.sleep(POLL_MS);
    }
  }

  #show(event: any, stackId: string): void {
    const { ResourceStatus: status, ResourceStatusReason: reason, ResourceType: type, LogicalResourceId: id } = event;
    // The second IN_PROGRESS of a resource tells a person nothing new.
    if (reason === 'Resource creation Initiated') return;
    const name = event.PhysicalResourceId === stackId ? `stack ${id}` : `${id} (${type})`;
    const failed = String(status).endsWith('FAILED');
    const line = `${paint(this.#terminal.errColours, statusColour(status), String(status).padEnd(20))} ${name}`;
    this.#terminal.err(`  ${line}${failed && reason ? `\n    ${reason}` : ''}\n`);
  }

  #call(action: string, input: object): Promise<any> {
    return this.#client.query('cloudformation', VERSION, action, input);
  }
}

/** Names of the stacks of a node that no other stack has made; of a node with more than a hundred not all. */
export async function stackNames(client: Client): Promise<readonly string[]> {
  const { Stacks } = await client.query('cloudformation', VERSION, 'DescribeStacks', {});
  return list<any>(Stacks)
    .filter(({ ParentId }) => ParentId === undefined)
    .map(({ StackName }) => StackName);
}

function changeSetInput(
  change: StackChange,
  name: string,
  existing: StackState | undefined,
  creating: boolean,
): object {
  const standing = new Set(creating ? [] : list(existing?.Parameters).map((one) => one.ParameterKey));
  const Parameters = change.declared.flatMap((ParameterKey): object[] => {
    const ParameterValue = change.parameters[ParameterKey];
    if (ParameterValue !== undefined) return [{ ParameterKey, ParameterValue }];
    return standing.has(ParameterKey) ? [{ ParameterKey, UsePreviousValue: true }] : [];
  });
  return {
    StackName: change.stackName,
    ChangeSetName: name,
    ChangeSetType: creating ? 'CREATE' : 'UPDATE',
    ...change.template,
    Parameters,
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
    Tags: Object.entries(change.tags).map(([Key, Value]) => ({ Key, Value })),
  };
}

/** An empty list comes as an empty text. */
function list<T>(value: readonly T[] | '' | undefined): readonly T[] {
  return value ? ([value].flat() as readonly T[]) : [];
}

function statusColour(status: string): Colour {
  if (/FAILED|ROLLBACK/.test(status)) return 'red';
  return status.endsWith('COMPLETE') ? 'green' : 'grey';
}
