import { invalid } from '../errors.ts';
import { isObject, type Json, type JsonObject, sameJson } from '../template/value.ts';
import { expandPolicyTemplate, isPolicyTemplate } from './policies.ts';

/** AWS's managed policies that stand under a path of their own; the others are `policy/NAME`. */
const SERVICE_ROLE_POLICIES = new Set([
  'AWSLambdaBasicExecutionRole',
  'AWSLambdaDynamoDBExecutionRole',
  'AWSLambdaENIManagementAccess',
  'AWSLambdaKinesisExecutionRole',
  'AWSLambdaMSKExecutionRole',
  'AWSLambdaRole',
  'AWSLambdaSQSQueueExecutionRole',
  'AWSLambdaVPCAccessExecutionRole',
  'AWSIoTLogging',
  'AWSIoTRuleActions',
  'AmazonS3ObjectLambdaExecutionRolePolicy',
]);

/** ARN of a policy that AWS manages. */
export function managedPolicyArn(name: string): string {
  if (name.startsWith('arn:')) return name;
  const path = name.startsWith('service-role/') || !SERVICE_ROLE_POLICIES.has(name) ? name : `service-role/${name}`;
  return `arn:aws:iam::aws:policy/${path}`;
}

/** An inline policy of a role. */
export interface InlinePolicy extends JsonObject {
  readonly PolicyName: string;
  readonly PolicyDocument: Json;
}

/** One statement that allows `action` on `resource`. */
export function allow(name: string, action: string, resource: Json): InlinePolicy {
  return { PolicyName: name, PolicyDocument: { Statement: [{ Action: action, Effect: 'Allow', Resource: resource }] } };
}

const LAMBDA_TRUST: JsonObject = {
  Version: '2012-10-17',
  Statement: [{ Action: ['sts:AssumeRole'], Effect: 'Allow', Principal: { Service: ['lambda.amazonaws.com'] } }],
};

/** The execution role that a function gets when it names none; events add what they need. */
export class ExecutionRole {
  readonly logicalId: string;
  readonly #functionId: string;
  readonly #managed: Json[];
  readonly #inline: Json[] = [];

  constructor(functionId: string, managed: readonly string[]) {
    this.logicalId = `${functionId}Role`;
    this.#functionId = functionId;
    this.#managed = managed.map(managedPolicyArn);
  }

  addManaged(policy: Json): void {
    const arn = typeof policy === 'string' ? managedPolicyArn(policy) : policy;
    if (!this.#managed.some((one) => sameJson(one, arn))) this.#managed.push(arn);
  }

  /** Unless a policy with the same document is there. */
  addInline(policy: InlinePolicy): void {
    const known = this.#inline.some((one) => isObject(one) && sameJson(one.PolicyDocument, policy.PolicyDocument));
    if (!known) this.#inline.push(policy);
  }

  /** Takes the `Policies` of the function: names, ARNs, documents, policy templates. */
  addPolicies(policies: Json | undefined): void {
    const list = policies === undefined ? [] : Array.isArray(policies) ? policies : [policies];
    for (const [index, policy] of (list as readonly Json[]).entries()) this.#addPolicy(policy, index);
  }

  #addPolicy(policy: Json, index: number): void {
    const inline = (PolicyDocument: Json) =>
      this.#inline.push({ PolicyName: `${this.logicalId}Policy${index}`, PolicyDocument });
    if (typeof policy === 'string') return this.addManaged(policy);
    if (isPolicyTemplate(policy)) return void inline(expandPolicyTemplate(policy, this.#functionId));
    if (!isObject(policy)) throw this.#badPolicy(index);
    if (policy.Statement !== undefined) return void inline(policy);
    const [name] = Object.keys(policy);
    if (name === 'Fn::If')
      throw invalid(
        `Resource with id [${this.#functionId}] is invalid. Policies: Fn::If is not built; put the condition inside the policy`,
      );
    if (name === 'Ref' || name?.startsWith('Fn::')) return this.addManaged(policy);
    throw this.#badPolicy(index, name);
  }

  #badPolicy(index: number, name?: string): Error {
    const which = name ? `${name} at index ${index}` : `at index ${index}`;
    return invalid(
      `Resource with id [${this.#functionId}] is invalid. Policy ${which} in the 'Policies' property is not valid: it is neither a policy name, an ARN, a document nor a known policy template`,
    );
  }

  /** The role as a resource. */
  resource(attributes: JsonObject, properties: JsonObject, tags: Json): JsonObject {
    return {
      Type: 'AWS::IAM::Role',
      ...attributes,
      Properties: {
        AssumeRolePolicyDocument: properties.AssumeRolePolicyDocument ?? LAMBDA_TRUST,
        ManagedPolicyArns: this.#managed,
        ...(this.#inline.length && { Policies: this.#inline }),
        ...(properties.RolePath !== undefined && { Path: properties.RolePath }),
        ...(properties.PermissionsBoundary !== undefined && { PermissionsBoundary: properties.PermissionsBoundary }),
        Tags: tags,
      },
    };
  }
}
