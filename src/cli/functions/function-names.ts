import { hasCode, systemClock } from '../../base/index.ts';
import { RemoteStack, stackNames } from '../application/stack.ts';
import { defaultStackName } from '../application/template.ts';
import type { Client } from '../client.ts';
import { CommandError } from '../command.ts';
import type { Terminal } from '../terminal.ts';

/**
 * Functions as a person names them: by their own name or ARN, or by the logical id that they have in a stack. Which one that is says
 * `--stack-name`, else the folder; where there is none of the folder's name, it is the node's only stack.
 */
export class FunctionNames {
  readonly #client: Client;
  readonly #terminal: Terminal;
  readonly #isNamed: boolean;
  #stackName: string;

  constructor(
    client: Client,
    where: { readonly stackName: string | undefined; readonly folder: string },
    terminal: Terminal,
  ) {
    this.#client = client;
    this.#terminal = terminal;
    this.#isNamed = where.stackName !== undefined;
    this.#stackName = where.stackName ?? defaultStackName(where.folder);
  }

  /** Names of the stack's functions by logical id; none when there is no such stack. */
  async inStack(): Promise<ReadonlyMap<string, string>> {
    const functions = await this.#functionsOf(this.#stackName);
    if (functions || this.#isNamed) return functions ?? new Map();
    const [only, ...others] = await this.#stacks();
    if (only === undefined || others.length > 0) return new Map();
    this.#stackName = only;
    return (await this.#functionsOf(only)) ?? new Map();
  }

  /**
   * Calls a function by the name given, then, when there is none of that name, by the logical id that it is in the stack.
   *
   * @throws CommandError  there is no such function either way
   */
  async call<Answer>(name: string, call: (functionName: string) => Promise<Answer>): Promise<Answer> {
    try {
      return await call(name);
    } catch (error) {
      if (!hasCode(error, 'ResourceNotFoundException')) throw error;
      const found = (await this.inStack()).get(name);
      if (found) return call(found);
      throw new CommandError(
        `there is no function ${name}, neither by name nor as a logical id of stack ${await this.stackInWords()}`,
      );
    }
  }

  /** The stack that was looked in; where it is not there, which others are. */
  async stackInWords(): Promise<string> {
    if (await this.#functionsOf(this.#stackName)) return this.#stackName;
    const others = (await this.#stacks()).join(', ');
    return `${this.#stackName}, which is not there${others === '' ? '' : `: --stack-name may be ${others}`}`;
  }

  async #functionsOf(stackName: string): Promise<ReadonlyMap<string, string> | undefined> {
    try {
      const stack = new RemoteStack(stackName, this.#client, this.#terminal, systemClock);
      return await stack.physicalIds('AWS::Lambda::Function');
    } catch (error) {
      if (hasCode(error, 'ValidationError')) return undefined;
      throw error;
    }
  }

  /** Who may see the stack that they named, and no other, is not told of others. */
  async #stacks(): Promise<readonly string[]> {
    try {
      return await stackNames(this.#client);
    } catch (error) {
      if (hasCode(error, 'AccessDenied')) return [];
      throw error;
    }
  }
}
