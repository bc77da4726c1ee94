import { ACCOUNT_ID, parseArn } from '../base/index.ts';
import type { Service } from '../services/index.ts';
import type { RefusalToSend } from '../services/lambda/index.ts';
import type { RoleRights } from './role-rights.ts';

/** Which call of which service it is to send something to a destination. */
const CALLS: Readonly<Record<string, readonly [operation: string, input: (arn: string) => object]>> = {
  sqs: ['SendMessage', (arn) => ({ QueueUrl: `http://localhost/${ACCOUNT_ID}/${parseArn(arn)!.resource}` })],
  sns: ['Publish', (TopicArn) => ({ TopicArn })],
  lambda: ['Invoke', (FunctionName) => ({ FunctionName })],
  // Where its records go in a bucket, as Lambda names them.
  s3: ['PutObject', (arn) => ({ Bucket: parseArn(arn)!.resource, Key: 'aws/lambda/' })],
};

/** Asks whether an execution role may send to a destination, when one is set: what is delivered is asked for once more. */
export function destinationAuthorization(options: {
  readonly rights: RoleRights;
  readonly service: (name: string) => Service;
}): RefusalToSend {
  const { rights, service } = options;
  return async (roleArn, functionName, targetArn) => {
    const { service: name = '', region = '' } = parseArn(targetArn) ?? {};
    const call = CALLS[name];
    if (!call) return undefined;
    const [operation, input] = call;
    const role = { arn: roleArn, sessionName: functionName };
    for (const permission of await service(name).permissions![operation]!(input(targetArn), {
      region,
      accountId: ACCOUNT_ID,
    })) {
      const refusal = await rights.refusal(role, permission, region);
      if (!refusal) continue;
      rights.tell(role, refusal, targetArn);
      return permission.action.split(':')[1];
    }
    return undefined;
  };
}
