import type { OperationContext } from '../../index.ts';
import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import type { Deployment } from '../stacks/model.ts';
import { checkStackPolicy } from '../stacks/policy.ts';
import type { StackRequest } from '../stacks/requests.ts';
import { type ReadObject, readTemplateUrl } from '../template/location.ts';

interface TemplateInput {
  readonly TemplateBody?: string;
  readonly TemplateURL?: string;
  readonly UsePreviousTemplate?: boolean;
}

/** The template that a request brings; `undefined` when it asks for the one in force. */
export async function templateBodyOf(input: TemplateInput, readObject: ReadObject): Promise<string | undefined> {
  const { TemplateBody: body, TemplateURL: url, UsePreviousTemplate: previous } = input;
  if (body !== undefined && url !== undefined) throw invalid('You cannot specify both Template Body and Template URL');
  if (body !== undefined) {
    if (Buffer.byteLength(body) > CLOUDFORMATION_LIMITS.templateBodyBytesMax) {
      throw invalid(
        `1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to ${CLOUDFORMATION_LIMITS.templateBodyBytesMax}`,
      );
    }
    return body;
  }
  if (url !== undefined) return readTemplateUrl(url, readObject);
  if (previous) return undefined;
  throw invalid('Either Template URL or Template Body must be specified.');
}

/** The policies that a request brings, by text or by URL. @throws validation */
export async function policiesOf(
  input: Record<string, any>,
  readObject: ReadObject,
): Promise<Pick<StackRequest, 'policy' | 'policyDuringUpdate'>> {
  const policy = await policyText(input.StackPolicyBody, input.StackPolicyURL, readObject);
  const during = await policyText(input.StackPolicyDuringUpdateBody, input.StackPolicyDuringUpdateURL, readObject);
  return { ...(policy !== undefined && { policy }), ...(during !== undefined && { policyDuringUpdate: during }) };
}

async function policyText(
  body: string | undefined,
  url: string | undefined,
  readObject: ReadObject,
): Promise<string | undefined> {
  if (body !== undefined && url !== undefined) throw invalid('You cannot specify both a stack policy and its URL');
  const text = body ?? (url === undefined ? undefined : await readTemplateUrl(url, readObject));
  if (text !== undefined) checkStackPolicy(text);
  return text;
}

/** What the three operations that take a template have in common. */
export function stackRequest(
  input: Record<string, any>,
  templateBody: string | undefined,
  { region, caller }: OperationContext,
): StackRequest {
  refuseUnbuilt(input);
  const { ClientRequestToken: token, ClientToken, RoleARN: roleArn, NotificationARNs: notificationArns, Tags } = input;
  return {
    stackName: input.StackName,
    region,
    caller,
    ...(templateBody !== undefined && { templateBody }),
    parameters: input.Parameters ?? [],
    ...(Tags !== undefined && { tags: Tags }),
    capabilities: input.Capabilities ?? [],
    ...(notificationArns !== undefined && { notificationArns }),
    ...(roleArn !== undefined && { roleArn }),
    ...(input.ResourceTypes !== undefined && { resourceTypes: input.ResourceTypes }),
    onFailure: onFailureOf(input),
    ...((token ?? ClientToken) !== undefined && { token: token ?? ClientToken }),
  };
}

/** Settings that would promise something that does not happen. */
function refuseUnbuilt(input: Record<string, any>): void {
  if (input.RollbackConfiguration?.RollbackTriggers?.length)
    throw invalid('RollbackTriggers are not built in Millrace');
}

function onFailureOf(input: Record<string, any>): Deployment['onFailure'] {
  if (input.DisableRollback !== undefined && input.OnFailure !== undefined) {
    throw invalid('You may specify either OnFailure or DisableRollback, but not both');
  }
  if (input.DisableRollback) return 'DO_NOTHING';
  return input.OnFailure ?? input.OnStackFailure ?? 'ROLLBACK';
}

/** A stack name as AWS takes it. */
export function checkStackName(name: string): void {
  if (/^[A-Za-z][-A-Za-z0-9]{0,127}$/.test(name) || name.startsWith('arn:')) return;
  throw invalid(
    `1 validation error detected: Value '${name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*`,
  );
}
