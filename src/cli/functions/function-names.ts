import { hasCode, systemClock } from '../../base/index.ts';
import { RemoteStack } from '../application/stack.ts';
import type { Client } from '../client.ts';
import { CommandError } from '../command.ts';
import type { Terminal } from '../terminal.ts';

/** Functions as a person names them: by their own name or ARN, or by the logical id that they have in a stack. */
export class FunctionNames {
  readonly #stack: RemoteStack;

  constructor(client: Client, stackName: string, terminal: Terminal) {
    this.#stack = new RemoteStack(stackName, client, terminal, systemClock);
  }

  get stackName(): string {
    return this.#stack.name;
  }

  /** Names of the stack's functions by logical id; none when there is no such stack. */
  async inStack(): Promise<ReadonlyMap<string, string>> {
    try {
      return await this.#stack.physicalIds('AWS::Lambda::Function');
    } catch (error) {
      if (hasCode(error, 'ValidationError')) return new Map();
      throw error;
    }
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
        `there is no function ${name}, neither by name nor as a logical id of stack ${this.stackName}`,
      );
    }
  }
}
