import { DomainError, parseArn } from '../../../base/index.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { isObject, type Json, type JsonObject, sameJson } from '../template/value.ts';
import { changes, required } from './properties.ts';
import type { Made, ResourceType, Work } from './resource-type.ts';

/** Properties that are for us; the function gets `ServiceToken` and its own. */
const OWN = ['ServiceTimeout'];

/**
 * A resource that the template's author made: a function or a topic is asked to make, change and delete it, and answers with a PUT
 * to a URL of ours.
 *
 * A request is stored before it is sent. After a crash an answer that came counts, and one that did not come is waited for again: what
 * carries the request is durable. Where the URL of answers has changed, the request goes out again with the same RequestId.
 *
 * @see CloudFormation user guide, "Custom resources"
 */
export const customResource: ResourceType = {
  properties: { ServiceToken: required(changes('text')), ServiceTimeout: changes('number') },
  open: true,
  given: {
    names: /./,
    missing: (name, _id, { physicalId }) =>
      `CustomResource attribute error: Vendor response doesn't contain ${name} attribute in object ${physicalId}`,
  },
  attributes: [],

  async create(properties, work) {
    const answer = await ask(work, { RequestType: 'Create', ResourceProperties: properties });
    // Whatever a failed creation has left is the function's to delete, by the id that it gave or by ours.
    const physicalId = answer.physicalId ?? work.name;
    await work.made(physicalId);
    return madeOf(answer, physicalId);
  },

  async update(existing, properties, work) {
    if (!sameJson(existing.properties.ServiceToken, properties.ServiceToken)) {
      throw new DomainError('InvalidRequest', 'Modifying service token is not allowed.');
    }
    const answer = await ask(work, {
      RequestType: 'Update',
      PhysicalResourceId: existing.physicalId,
      ResourceProperties: properties,
      OldResourceProperties: existing.properties,
    });
    return madeOf(answer, answer.physicalId ?? existing.physicalId);
  },

  async delete({ physicalId: PhysicalResourceId, properties }, work) {
    const answer = await ask(work, { RequestType: 'Delete', PhysicalResourceId, ResourceProperties: properties });
    madeOf(answer, PhysicalResourceId);
  },
};

interface Request {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly PhysicalResourceId?: string;
  readonly ResourceProperties: JsonObject;
  readonly OldResourceProperties?: JsonObject;
}

/** What came back, or did not. */
interface CustomAnswer {
  readonly failure?: string;
  readonly physicalId?: string;
  readonly data: JsonObject;
  readonly noEcho: boolean;
}

async function ask(work: Work, request: Request): Promise<CustomAnswer> {
  const { ServiceToken, ServiceTimeout } = request.ResourceProperties;
  const seconds = Math.min(
    Number(ServiceTimeout ?? Number.POSITIVE_INFINITY),
    CLOUDFORMATION_LIMITS.customTimeoutSecondsMax,
  );
  const question = await work.question(seconds * 1_000);
  if (!question.sent && question.answers().length === 0) {
    await send(String(ServiceToken), message(request, work, question), work);
    await question.markSent();
  }
  const body = await question.wait(([answer]) => answer?.body, { evenIfGivenUp: true });
  if (body === undefined) {
    const { RequestType } = request;
    const failure = `CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [${question.id}]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can attach the updated version. (${RequestType})`;
    return { failure, data: {}, noEcho: false };
  }
  return readAnswer(body, request, question.id, work);
}

function message(request: Request, work: Work, question: { readonly id: string; readonly url: string }): JsonObject {
  const { ResourceProperties, OldResourceProperties, ...rest } = request;
  return {
    ...rest,
    ServiceToken: ResourceProperties.ServiceToken!,
    ResponseURL: question.url,
    StackId: work.identity.id,
    RequestId: question.id,
    LogicalResourceId: work.logicalId,
    ResourceType: work.type,
    ResourceProperties: asTexts(withoutOwn(ResourceProperties)),
    ...(OldResourceProperties && { OldResourceProperties: asTexts(withoutOwn(OldResourceProperties)) }),
  };
}

function withoutOwn(properties: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !OWN.includes(name)));
}

/** AWS hands every number and boolean on as text. */
function asTexts(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => asTexts(item as Json));
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asTexts(member)]));
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}

async function send(token: string, request: JsonObject, work: Work): Promise<void> {
  const arn = parseArn(token);
  const text = JSON.stringify(request);
  if (arn?.service === 'lambda') {
    const input = { FunctionName: token, InvocationType: 'Event', Payload: Buffer.from(text) };
    await work.call('lambda', 'Invoke', input, arn.region);
  } else if (arn?.service === 'sns') {
    const input = { TopicArn: token, Subject: 'AWS CloudFormation custom resource request', Message: text };
    await work.call('sns', 'Publish', input, arn.region);
  } else {
    throw new DomainError('InvalidRequest', `Invalid service token: ${token} is the ARN of no function and no topic.`);
  }
}

function readAnswer(body: Json, request: Request, requestId: string, work: Work): CustomAnswer {
  if (!isObject(body)) return { failure: 'Invalid response: the body is no JSON object', data: {}, noEcho: false };
  const { Status, Reason, PhysicalResourceId, Data, NoEcho } = body;
  const physicalId =
    typeof PhysicalResourceId === 'string' && PhysicalResourceId !== '' ? PhysicalResourceId : undefined;
  const known = {
    ...(physicalId !== undefined && { physicalId }),
    data: isObject(Data) ? Data : {},
    noEcho: NoEcho === true || NoEcho === 'true',
  };
  if (Status === 'FAILED') {
    return {
      ...known,
      failure: `Received response status [FAILED] from custom resource. Message returned: ${reasonOf(Reason, requestId)}`,
    };
  }
  const problem = problemOf(body, physicalId, request, requestId, work);
  return problem === undefined ? known : { ...known, failure: problem };
}

function problemOf(
  body: JsonObject,
  physicalId: string | undefined,
  request: Request,
  requestId: string,
  work: Work,
): string | undefined {
  if (body.Status !== 'SUCCESS')
    return `Invalid response: Status must be SUCCESS or FAILED, not ${JSON.stringify(body.Status)}`;
  if (body.RequestId !== undefined && body.RequestId !== requestId)
    return 'Invalid response: RequestId is that of another request';
  if (body.StackId !== undefined && body.StackId !== work.identity.id)
    return 'Invalid response: StackId is that of another stack';
  if (body.Data !== undefined && body.Data !== null && !isObject(body.Data))
    return 'Invalid response: Data must be an object';
  if (physicalId === undefined && request.RequestType === 'Create') return 'Invalid PhysicalResourceId';
  if (physicalId !== undefined && physicalId.length > 1_024)
    return 'Invalid PhysicalResourceId: at most 1024 characters';
  return undefined;
}

function reasonOf(reason: Json | undefined, requestId: string): string {
  return `${typeof reason === 'string' && reason !== '' ? reason : 'See the details in CloudWatch Log Stream'} (RequestId: ${requestId})`;
}

function madeOf(answer: CustomAnswer, physicalId: string): Made {
  if (answer.failure !== undefined) throw new DomainError('GeneralServiceException', answer.failure);
  return { physicalId, attributes: answer.data, ...(answer.noEcho && { noEcho: true }) };
}

/** A custom resource's type says nothing but that it is one. */
export function isCustomType(type: string): boolean {
  return type === 'AWS::CloudFormation::CustomResource' || /^Custom::[A-Za-z0-9_@-]{1,60}$/.test(type);
}
