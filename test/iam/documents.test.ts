import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkIdentityPolicy, checkManagedPolicy, checkTrustPolicy } from '../../src/services/iam/policy-document.ts';
import { document, READ, TRUST } from './support.ts';

const statement = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };

/** What AWS answers, from its documentation and from answers that moto's tests have recorded. */
const REFUSED: readonly (readonly [text: string, message: string])[] = [
  ['{', 'Syntax errors in policy.'],
  ['[]', 'Syntax errors in policy.'],
  ['"text"', 'Syntax errors in policy.'],
  ['{}', 'Syntax errors in policy.'],
  [document(), 'Syntax errors in policy.'],
  [JSON.stringify({ Version: '2013-10-17', Statement: statement }), 'Syntax errors in policy.'],
  [JSON.stringify({ Version: '2012-10-17', Statement: statement, Extra: {} }), 'Syntax errors in policy.'],
  [document({ ...statement, Effect: 'allow' }), 'Syntax errors in policy.'],
  [document({ ...statement, Extra: 'field' }), 'Syntax errors in policy.'],
  [document({ ...statement, Sid: {} }), 'Syntax errors in policy.'],
  [document({ ...statement, NotAction: 's3:*' }), 'Syntax errors in policy.'],
  [document({ ...statement, NotResource: '*' }), 'Syntax errors in policy.'],
  [document({ ...statement, Action: {} }), 'Syntax errors in policy.'],
  [document({ ...statement, Condition: [] }), 'Syntax errors in policy.'],
  [document({ ...statement, Condition: { StringEquals: 'x' } }), 'Syntax errors in policy.'],
  [document({ ...statement, Principal: '*' }), 'Policy document should not specify a principal.'],
  [document({ Effect: 'Allow', Resource: '*' }), 'Policy statement must contain actions.'],
  [document({ Effect: 'Allow', Action: 's3:*' }), 'Policy statement must contain resources.'],
  [
    document({ ...statement, Action: 'invalid' }),
    'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
  ],
  [document({ ...statement, Action: 'a:b:c' }), 'Actions/Condition can contain only one colon.'],
  [document({ ...statement, Action: 's3s:%:' }), 'Actions/Condition can contain only one colon.'],
  [document({ ...statement, Action: 's%3:GetObject' }), 'Vendor s%3 is not valid'],
  [document({ ...statement, Resource: 'invalid' }), 'Resource invalid must be in ARN format or "*".'],
  [
    document({ ...statement, Resource: 'arn:error:s3::example_bucket' }),
    'Partition "error" is not valid for resource "arn:error:s3::example_bucket:*".',
  ],
  [
    document({ ...statement, Resource: 'arn:aws' }),
    'Resource vendor must be fully qualified and cannot contain regexes.',
  ],
  [
    document({ ...statement, Resource: 'arn:aws:iam:us-east-1::role/r' }),
    'IAM resource arn:aws:iam:us-east-1::role/r cannot contain region information.',
  ],
  [document({ ...statement, Resource: 'arn:aws:s3::bucket' }), 'The policy failed legacy parsing'],
  [
    document({ ...statement, Sid: 'same' }, { ...statement, Sid: 'same' }),
    'Statement IDs (SID) in a single policy must be unique.',
  ],
];

for (const [text, message] of REFUSED) {
  test(`a policy is refused: ${text}`, () => {
    assert.throws(() => checkIdentityPolicy(text), { code: 'malformed-policy', message });
    assert.throws(() => checkManagedPolicy(text), { code: 'malformed-policy' });
  });
}

test('policies of every form that AWS documents are taken', () => {
  const condition = { 'ForAnyValue:StringLike': { 'aws:PrincipalOrgPaths': ['o-1/*', 'o-2/*'] }, Bool: { k: true } };
  for (const text of [
    READ,
    JSON.stringify({ Version: '2012-10-17', Id: 'mine', Statement: statement }),
    document({ ...statement, Condition: condition }),
    document({ Effect: 'Deny', NotAction: ['iam:*', 'sts:*'], NotResource: 'arn:aws:s3:::b/*' }),
    document({ ...statement, Action: ['s3:Get*', '*'], Resource: ['arn:aws:logs:*:*:*', 'arn:aws-cn:s3:::b'] }),
    document({ ...statement, Sid: '' }, { ...statement, Sid: '' }),
  ]) {
    checkManagedPolicy(text);
  }
});

test('an old version is taken for inline policies only', () => {
  for (const text of [
    JSON.stringify({ Statement: statement }),
    JSON.stringify({ Version: '2008-10-17', Statement: statement }),
  ]) {
    checkIdentityPolicy(text);
    assert.throws(() => checkManagedPolicy(text), {
      message: 'Policy document must be version 2012-10-17 or greater.',
    });
  }
});

test('who may assume a role is said by principals and by actions of STS alone', () => {
  const refused: readonly (readonly [text: string, message: string])[] = [
    ['{', 'This policy contains invalid Json'],
    [document({ ...trust, Resource: '*' }), 'Has prohibited field Resource.'],
    [document({ Effect: 'Allow', Action: 'sts:AssumeRole' }), 'Missing required field Principal'],
    [document({ ...trust, Action: 's3:GetObject' }), 'AssumeRole policy may only specify STS AssumeRole actions.'],
    [document({ ...trust, Principal: {} }), 'Syntax errors in policy.'],
    [document({ ...trust, Principal: { Nobody: '*' } }), 'Syntax errors in policy.'],
    [document({ ...trust, Principal: { AWS: 'nobody' } }), 'Invalid principal in policy: "AWS":"nobody"'],
  ];
  for (const [text, message] of refused) {
    assert.throws(() => checkTrustPolicy(text), { code: 'malformed-policy', message });
  }
  const Condition = { StringEquals: { 'sts:ExternalId': '7' } };
  for (const text of [
    TRUST,
    document({ ...trust, Principal: { AWS: ['000000000000', 'arn:aws:iam::000000000000:root'] }, Condition }),
    document({ ...trust, Principal: { Federated: 'accounts.google.com' }, Action: 'sts:AssumeRoleWithWebIdentity' }),
    document({ ...trust, Principal: '*', Action: ['sts:AssumeRole', 'sts:TagSession'] }),
    JSON.stringify({ Statement: [trust] }),
  ]) {
    checkTrustPolicy(text);
  }
});
