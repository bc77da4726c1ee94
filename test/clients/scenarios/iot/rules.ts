import assert from 'node:assert/strict';
import type { Rig } from '../../scenario.ts';
import { arnOf } from './arns.ts';

/** Topic rules. */
export async function rules({ call, name }: Rig): Promise<void> {
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
