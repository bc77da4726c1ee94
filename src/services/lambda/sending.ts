import { parseArn } from '../../base/index.ts';
import { invalidParameter } from './errors.ts';

/**
 * Asks whether an execution role may send to a queue, topic, function or bucket.
 * @returns the action that it lacks, without its service: `SendMessage`
 */
export type RefusalToSend = (roleArn: string, functionName: string, targetArn: string) => Promise<string | undefined>;

/** A function as far as it sends. */
interface Sender {
  readonly name: string;
  readonly role: string;
}

/** What functions are set to send, their roles must be able to. */
export class Sending {
  readonly #refusal: RefusalToSend | undefined;

  constructor(refusal: RefusalToSend | undefined) {
    this.#refusal = refusal;
  }

  /** @throws invalid-parameter  (rejects) as AWS words it of dead-letter queues and topics */
  async checkDeadLetters({ name, role }: Sender, targetArn: string | undefined): Promise<void> {
    const action = targetArn ? await this.#refusal?.(role, name, targetArn) : undefined;
    if (action === undefined) return;
    const service = parseArn(targetArn!)?.service.toUpperCase();
    throw invalidParameter(`The provided execution role does not have permissions to call ${action} on ${service}`);
  }

  /** @throws invalid-parameter  (rejects) as AWS words it of destinations */
  async checkDestinations({ name, role }: Sender, targetArns: readonly (string | undefined)[]): Promise<void> {
    for (const arn of targetArns) {
      const action = arn ? await this.#refusal?.(role, name, arn) : undefined;
      if (action === undefined) continue;
      throw invalidParameter(`The function's execution role does not have permissions to call ${action} on ${arn}`);
    }
  }
}
