import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, rightsOf, testRows } from '../../../test/support/permissions.ts';
import { LambdaError } from './errors.ts';
import { mappingPermissions } from './event-source-mappings/permissions.ts';
import type { FunctionRecord, LayerVersion } from './model.ts';
import { lambdaPermissions } from './permissions.ts';

const ARN = 'arn:aws:lambda:eu-west-1:000000000000:function:resize';
const MAPPING = 'arn:aws:lambda:eu-west-1:000000000000:event-source-mapping:7e9c';
const LAYER = 'arn:aws:lambda:eu-west-1:000000000000:layer:images';
const ROLE = 'arn:aws:iam::000000000000:role/resize';
const FunctionName = 'resize';

const statement = {
  Sid: 's',
  Effect: 'Allow',
  Principal: '*',
  Action: 'lambda:InvokeFunction',
  Resource: ARN,
} as const;
const resize = {
  tags: { team: 'a' },
  policies: {
    '': { revisionId: '1', statements: [statement] },
    prod: { revisionId: '1', statements: [] },
  },
} as unknown as FunctionRecord;

const permissions = {
  ...lambdaPermissions(
    { find: (_region, name) => (name === FunctionName ? resize : undefined) },
    {
      get: (_region, _name, version) => {
        if (version !== 1) throw new LambdaError('resource-not-found', 'none');
        return { policy: { revisionId: '1', statements: [] } } as unknown as LayerVersion;
      },
    },
    ({ Bucket, Key, VersionId }) => [
      {
        action: VersionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion',
        resources: [`arn:aws:s3:::${Bucket}/${Key}`],
      },
    ],
  ),
  ...mappingPermissions({ list: () => [{ mapping: { uuid: '7e9c', functionArn: ARN } } as never] }),
};

const onFunction = [
  ...['CreateAlias', 'DeleteAlias', 'DeleteFunction', 'DeleteFunctionConcurrency', 'DeleteFunctionEventInvokeConfig'],
  ...['GetAlias', 'GetFunction', 'GetFunctionCodeSigningConfig', 'GetFunctionConcurrency', 'GetFunctionConfiguration'],
  ...['GetFunctionEventInvokeConfig', 'GetFunctionRecursionConfig', 'GetPolicy', 'GetRuntimeManagementConfig'],
  ...['InvokeAsync', 'ListAliases', 'ListFunctionEventInvokeConfigs', 'ListProvisionedConcurrencyConfigs'],
  ...['ListVersionsByFunction', 'PublishVersion', 'PutFunctionConcurrency', 'PutFunctionEventInvokeConfig'],
  ...['PutFunctionRecursionConfig', 'PutRuntimeManagementConfig', 'UpdateAlias', 'UpdateFunctionCode'],
  ...['UpdateFunctionEventInvokeConfig', 'AddPermission', 'RemovePermission', 'CreateFunction'],
  ...['CreateFunctionUrlConfig', 'DeleteFunctionUrlConfig', 'GetFunctionUrlConfig', 'UpdateFunctionUrlConfig'],
  ...['ListFunctionUrlConfigs', 'UpdateFunctionConfiguration'],
];

describe('rights of Lambda, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ...onFunction.map((name) => [name, { FunctionName }, [`lambda:${name} ${ARN}`]] as const),
      ...[
        'DeleteProvisionedConcurrencyConfig',
        'GetProvisionedConcurrencyConfig',
        'PutProvisionedConcurrencyConfig',
      ].map((name) => [name, { FunctionName, Qualifier: 'prod' }, [`lambda:${name} ${ARN}:prod`]] as const),
      ...['GetAccountSettings', 'ListEventSourceMappings', 'ListFunctions', 'ListLayerVersions', 'ListLayers'].map(
        (name) => [name, {}, [`lambda:${name} *`]] as const,
      ),
      ...['Invoke', 'InvokeWithResponseStream'].flatMap((name) => [
        [name, { FunctionName }, [`lambda:InvokeFunction ${ARN}`]] as const,
        [name, { FunctionName: 'resize:prod' }, [`lambda:InvokeFunction ${ARN}:prod`]] as const,
        [name, { FunctionName: `${ARN}:7` }, [`lambda:InvokeFunction ${ARN}:7`]] as const,
        [name, { FunctionName, Qualifier: '$LATEST' }, [`lambda:InvokeFunction ${ARN}:$LATEST`]] as const,
      ]),
      [
        'CreateFunction',
        {
          ...{ FunctionName, Role: ROLE, Tags: { a: 'b' }, Layers: [`${LAYER}:1`] },
          Code: { S3Bucket: 'code', S3Key: 'a.zip' },
        },
        [
          ...[`lambda:CreateFunction ${ARN}`, `lambda:TagResource ${ARN}`, `iam:PassRole ${ROLE}`],
          ...[`lambda:GetLayerVersion ${LAYER}:1`, 's3:GetObject arn:aws:s3:::code/a.zip'],
        ],
      ],
      [
        'UpdateFunctionCode',
        { FunctionName, S3Bucket: 'code', S3Key: 'a.zip', S3ObjectVersion: '1' },
        [`lambda:UpdateFunctionCode ${ARN}`, 's3:GetObjectVersion arn:aws:s3:::code/a.zip'],
      ],
      [
        'UpdateFunctionConfiguration',
        { FunctionName, Role: ROLE, Layers: ['arn:aws:lambda:eu-west-1:123456789012:layer:theirs:3'] },
        [
          ...[`lambda:UpdateFunctionConfiguration ${ARN}`, `iam:PassRole ${ROLE}`],
          'lambda:GetLayerVersion arn:aws:lambda:eu-west-1:123456789012:layer:theirs:3',
        ],
      ],
      ...[
        ...['AddLayerVersionPermission', 'DeleteLayerVersion', 'GetLayerVersion', 'GetLayerVersionPolicy'],
        ...['RemoveLayerVersionPermission'],
      ].map((name) => [name, { LayerName: 'images', VersionNumber: 1 }, [`lambda:${name} ${LAYER}:1`]] as const),
      ['GetLayerVersionByArn', { Arn: `${LAYER}:1` }, [`lambda:GetLayerVersion ${LAYER}:1`]],
      [
        'PublishLayerVersion',
        { LayerName: 'images', Content: { S3Bucket: 'code', S3Key: 'l.zip' } },
        [`lambda:PublishLayerVersion ${LAYER}`, 's3:GetObject arn:aws:s3:::code/l.zip'],
      ],
      ['CreateEventSourceMapping', { FunctionName }, ['lambda:CreateEventSourceMapping *']],
      ...['DeleteEventSourceMapping', 'GetEventSourceMapping', 'UpdateEventSourceMapping'].map(
        (name) => [name, { UUID: '7e9c' }, [`lambda:${name} ${MAPPING}`]] as const,
      ),
      ...['ListTags', 'TagResource', 'UntagResource'].map(
        (name) => [name, { Resource: ARN }, [`lambda:${name} ${ARN}`]] as const,
      ),
    ],
  );

  it('what changes a function is a right to the function, whatever version or alias names it', async () => {
    for (const name of ['UpdateFunctionCode', 'UpdateFunctionConfiguration', 'PutFunctionConcurrency', 'CreateAlias']) {
      for (const named of ['resize:prod', `${ARN}:7`, 'function:resize:$LATEST']) {
        const { resources, resourcePolicy } = (await rightsOf(permissions, name, { FunctionName: named }))[0]!;
        assert.deepEqual(resources, [ARN], `${name} of ${named}`);
        assert.deepEqual(JSON.parse(resourcePolicy!).Statement, [statement]);
      }
    }
  });

  it('a function and each of its qualifiers have their own policies', async () => {
    const policyOf = async (input: object) => (await rightsOf(permissions, 'Invoke', input))[0]!.resourcePolicy;
    const ofFunction = await policyOf({ FunctionName });
    assert.deepEqual(JSON.parse(ofFunction!).Statement, [statement]);
    assert.equal(await policyOf({ FunctionName }), ofFunction);
    assert.deepEqual(JSON.parse((await policyOf({ FunctionName, Qualifier: 'prod' }))!).Statement, []);
    assert.equal(await policyOf({ FunctionName, Qualifier: 'test' }), undefined);
    const layer = { LayerName: 'images', VersionNumber: 1 };
    assert.ok((await rightsOf(permissions, 'GetLayerVersion', layer))[0]!.resourcePolicy);
  });

  it('conditions may ask of a grant, of a URL, of layers and of the function that a mapping calls', async () => {
    const tag = { 'aws:ResourceTag/team': 'a' };
    const grant = { FunctionName, Principal: 's3.amazonaws.com', FunctionUrlAuthType: 'NONE' };
    assert.deepEqual(await conditionsOf(permissions, 'AddPermission', grant), {
      ...{ ...tag, 'lambda:Principal': 's3.amazonaws.com', 'lambda:FunctionUrlAuthType': 'NONE' },
    });
    const url = { FunctionName, Qualifier: 'prod', AuthType: 'AWS_IAM' };
    assert.deepEqual(await conditionsOf(permissions, 'CreateFunctionUrlConfig', url), {
      ...{ ...tag, 'lambda:FunctionArn': ARN, 'lambda:FunctionUrlAuthType': 'AWS_IAM' },
    });
    const layers = [`${LAYER}:1`];
    assert.deepEqual(await conditionsOf(permissions, 'UpdateFunctionConfiguration', { FunctionName, Layers: layers }), {
      ...{ ...tag, 'lambda:Layer': layers },
    });
    assert.deepEqual(await conditionsOf(permissions, 'CreateEventSourceMapping', { FunctionName: 'resize:prod' }), {
      'lambda:FunctionArn': `${ARN}:prod`,
    });
    assert.deepEqual(await conditionsOf(permissions, 'DeleteEventSourceMapping', { UUID: '7e9c' }), {
      'lambda:FunctionArn': ARN,
    });
  });
});
