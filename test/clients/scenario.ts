/** What a client is put through: ordinary code over calls, the same for every client. */
import type { Node, NodeConfig } from '../../src/node/index.ts';

/** The clients that everything is driven by. */
export type ClientName = 'sdk-js' | 'boto3' | 'aws-cli';

/**
 * One call of an operation, by whichever client.
 *
 * @param operation  as AWS names it, `PutParameter`
 * @param input  members as the API model names them; bytes are `Buffer`s, times are `Date`s
 * @returns the answer as the client has read it, without its own metadata: bytes are `Buffer`s (streams are read to their end),
 *   event streams lists of their events, times are `Date`s; members that were not answered are not there
 * @throws Error  its `name` is the error's code on the wire
 */
export type Call = (operation: string, input?: object) => Promise<any>;

/** What a scenario has to work with. */
export interface Rig {
  readonly client: ClientName;
  /** Calls the service that the scenario is about; what succeeds has been driven. */
  readonly call: Call;
  /** Calls another service, for what has to be there first; it counts for nothing. */
  of(service: string): Call;
  /** A name that no other client's run has: all of them stand beside each other on one node. */
  name(stem: string): string;
  /**
   * Whether the client's own model has an operation, and a member of its input or answer; Debian's boto3 and aws CLI are older than
   * the API. Asked of the client itself.
   */
  knows(operation: string, member?: string): Promise<boolean>;
  /** The node that is called, in this process. */
  readonly node: Node;
}

/** A service as its clients meet it: makes things, reads them back, and asserts what was answered. */
export interface Scenario {
  readonly service: string;
  /** What is built and answers by its refusal alone, for every client: operation and reason. The scenario has to meet it. */
  readonly refused?: Readonly<Record<string, string>>;
  /** Where answers depart from AWS's model as AWS's own do: place, and what is there instead. */
  readonly departures?: Readonly<Record<string, string>>;
  /** What the node is told besides. @param directory  for files that it names; goes with the node */
  configure?(directory: string): Promise<Partial<NodeConfig>>;
  run(rig: Rig): Promise<void>;
}
