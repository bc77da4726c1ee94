import assert from 'node:assert/strict';
import type { Rig } from '../../scenario.ts';
import { arnOf } from './arns.ts';

/** Topic rules. */
export async function rules(rig: Rig): Promise<void> {
  await oneRule(rig);
  await everyAction(rig);
}

/** Each kind of action comes back as it was given; what is not built is refused. */
async function everyAction({ call, name }: Rig): Promise<void> {
  const ruleName = name('all').replaceAll('-', '_');
  const roleArn = 'arn:aws:iam::000000000000:role/r';
  const arn = (service: string, resource: string) => `arn:aws:${service}:us-east-1:000000000000:${resource}`;
  const headers = {
    ...{
      contentType: 'text/plain',
      responseTopic: 'answers',
      payloadFormatIndicator: 'UTF8_DATA',
      messageExpiry: '60',
    },
    userProperties: [{ key: 'a', value: 'b' }],
  };
  const topicRulePayload = {
    ...{ sql: "SELECT * FROM 'x'", awsIotSqlVersion: '2016-03-23', ruleDisabled: true },
    actions: [
      { lambda: { functionArn: arn('lambda', 'function:f') } },
      { sqs: { roleArn, queueUrl: 'http://127.0.0.1:4566/000000000000/q', useBase64: true } },
      { sns: { roleArn, targetArn: arn('sns', 't'), messageFormat: 'RAW' } },
      { kinesis: { roleArn, streamName: 's', partitionKey: '${topic()}' } },
      { http: { url: 'https://plant.example/hook', headers: [{ key: 'x-plant', value: '1' }] } },
      { republish: { roleArn, topic: 'copied', qos: 1, headers } },
    ],
    errorAction: { sqs: { roleArn, queueUrl: 'http://127.0.0.1:4566/000000000000/wrong', useBase64: false } },
  };
  const unbuilt = { ...topicRulePayload, actions: [{ cloudwatchLogs: { roleArn, logGroupName: '/plant' } }] };
  await assert.rejects(call('CreateTopicRule', { ruleName, topicRulePayload: unbuilt }), {
    name: 'InvalidRequestException',
  });
  await call('CreateTopicRule', { ruleName, topicRulePayload, tags: 'team=a' });
  assert.partialDeepStrictEqual((await call('GetTopicRule', { ruleName })).rule, topicRulePayload);
  const { tags } = await call('ListTagsForResource', { resourceArn: arnOf(`rule/${ruleName}`) });
  assert.deepEqual(tags, [{ Key: 'team', Value: 'a' }]);
  await call('DeleteTopicRule', { ruleName });
}

async function oneRule({ call, name }: Rig): Promise<void> {
  const ruleName = name('rule').replaceAll('-', '_');
  const got = async () => (await call('GetTopicRule', { ruleName })).rule;
  const republish = { roleArn: 'arn:aws:iam::000000000000:role/r', topic: name('copied'), qos: 1 };
  const payload = (sql: string) => ({ sql, description: 'grün', ruleDisabled: false, actions: [{ republish }] });
  await call('CreateTopicRule', { ruleName, topicRulePayload: payload("SELECT * FROM 'x'") });
  await assert.rejects(call('CreateTopicRule', { ruleName, topicRulePayload: payload("SELECT * FROM 'x'") }), {
    name: 'ResourceAlreadyExistsException',
  });
  await assert.rejects(call('CreateTopicRule', { ruleName: `${ruleName}_2`, topicRulePayload: payload('SELECT') }), {
    name: 'SqlParseException',
  });
  const replaced = payload(`SELECT a AS b FROM '${name('y')}/+' WHERE a > 1`);
  await call('ReplaceTopicRule', { ruleName, topicRulePayload: replaced });
  assert.partialDeepStrictEqual(await got(), { ruleName, ...replaced });
  assert.ok(Math.abs((await got()).createdAt.getTime() - Date.now()) < 60_000);
  await call('DisableTopicRule', { ruleName });
  assert.equal((await got()).ruleDisabled, true);
  const { rules: disabled } = await call('ListTopicRules', { ruleDisabled: true });
  assert.deepEqual(
    disabled.map((one: any) => [one.ruleName, one.ruleArn, one.topicPattern]),
    [[ruleName, arnOf(`rule/${ruleName}`), `${name('y')}/+`]],
  );
  await call('EnableTopicRule', { ruleName });
  assert.equal((await got()).ruleDisabled, false);
  await call('DeleteTopicRule', { ruleName });
  await assert.rejects(got(), { name: 'UnauthorizedException' });
}
