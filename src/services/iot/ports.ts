import type { TraceContext } from '../../telemetry/index.ts';

/** How rules append to streams; the door of services/kinesis fits it as it is. */
export interface KinesisPort {
  /** `undefined` when there is none of this name. */
  stream(name: string, region: string): StreamPort | undefined;

  /**
   * Resolves when all that was enqueued before the call is durable, rejects when it is not; to be called in the turn of the
   * enqueue. The same promise for all of one commit.
   */
  committed(): Promise<void>;
}

export interface StreamPort {
  /** Set once the stream is gone: look it up anew. */
  readonly isDeleted: boolean;

  /**
   * Takes one record for the next commit, synchronously.
   *
   * @param partitionKey  1 to 256 characters
   * @throws DomainError  nothing was enqueued; codes of the log (`log-busy`, `log-full`, `log-failed`) mean that the node
   *   cannot take more now, others are about this record
   */
  enqueue(partitionKey: string, data: Uint8Array, trace?: TraceContext): unknown;
}

/** What a function has made of an event. */
export type FunctionOutcome =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Invokes a function and waits for what it returns, as JSON.
 *
 * @param functionArn  with or without a version or alias
 * @param sourceArn  the authorizer or the template that it is invoked for: the function's policy has its say
 * @throws AbortError  `signal` fired; what has begun runs on, and nobody waits for it
 */
export type InvokeFunction = (
  functionArn: string,
  event: unknown,
  sourceArn: string,
  signal: AbortSignal,
) => Promise<FunctionOutcome>;

/** What an action of a rule does with its role, and on what. */
export interface ActionRight {
  readonly roleArn: string;
  readonly ruleArn: string;
  readonly action: 'kinesis:PutRecord' | 'sqs:SendMessage' | 'sns:Publish' | 'iot:Publish';
  /** ARN. */
  readonly resource: string;
}

/** What provisioning does for a device: an operation of the control plane, and its input. */
export interface ProvisioningStep {
  readonly operation: string;
  readonly input: object;
  readonly region: string;
}

/**
 * Holds what provisioning makes of a template to the role that the template names.
 * @param sourceArn  the template, or the authority that it belongs to
 * @throws IotError forbidden  (rejects) the role may not do that
 */
export type CheckProvisioning = (roleArn: string, sourceArn: string, step: ProvisioningStep) => Promise<void>;

/** Holds the actions of rules to the roles that they name. */
export interface RuleRights {
  /** Loads what deciding takes; to be awaited before a rule runs. */
  ready(): Promise<void>;
  /** Why a role may not do what an action does, now; `undefined` where it may. */
  refusal(right: ActionRight): string | undefined;
}
