import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  type CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
  waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import {
  DescribeCACertificateCommand,
  DescribeCertificateCommand,
  DescribeProvisioningTemplateCommand,
  GetRegistrationCodeCommand,
  type IoTClient,
  ListAttachedPoliciesCommand,
  ListCACertificatesCommand,
  ListCertificatesCommand,
  ListProvisioningTemplatesCommand,
  ListProvisioningTemplateVersionsCommand,
  ListTagsForResourceCommand,
} from '@aws-sdk/client-iot';
import { encodeName, encodePem, makeRequest } from '../../src/codec/x509/index.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type IotStage, openIotStage } from './iot-stage.ts';

let stage: IotStage;
let cloudFormation: CloudFormationClient;
let iot: IoTClient;
const authority = new TestAuthority();

before(async () => {
  stage = await openIotStage();
  ({ cloudFormation, iot } = stage);
});

after(async () => {
  await stage?.[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

const ROLE = 'arn:aws:iam::000000000000:role/provisioning';

/** A template for devices, told from another by its configuration. */
function bodyOf(version: string): string {
  const thing = { Type: 'AWS::IoT::Thing', Properties: { ThingName: 'pump' } };
  return JSON.stringify({ Resources: { thing }, DeviceConfiguration: { version } });
}

interface Given {
  readonly verification: string;
  readonly request: string;
  readonly device: string;
  readonly status: string;
  readonly version: string;
  /** Whether the authority takes newcomers, and the template has a hook. */
  readonly whole: boolean;
}

function template({ verification, request, device, status, version, whole }: Given): string {
  const Statement = [{ Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }];
  return JSON.stringify({
    Resources: {
      Authority: {
        Type: 'AWS::IoT::CACertificate',
        Properties: {
          CACertificatePem: authority.authority.cert,
          VerificationCertificatePem: verification,
          Status: status,
          Tags: [{ Key: 'maker', Value: version }],
          ...(whole && {
            AutoRegistrationStatus: 'ENABLE',
            RegistrationConfig: { RoleArn: ROLE, TemplateBody: bodyOf('jitp') },
          }),
        },
      },
      Device: {
        Type: 'AWS::IoT::Certificate',
        Properties: {
          CertificatePem: device,
          CACertificatePem: authority.authority.cert,
          CertificateMode: 'DEFAULT',
          Status: status,
        },
        DependsOn: 'Authority',
      },
      Signed: { Type: 'AWS::IoT::Certificate', Properties: { CertificateSigningRequest: request, Status: status } },
      Policy: {
        Type: 'AWS::IoT::Policy',
        Properties: { PolicyName: 'connect', PolicyDocument: { Version: '2012-10-17', Statement } },
      },
      Attachment: {
        Type: 'AWS::IoT::PolicyPrincipalAttachment',
        Properties: { PolicyName: { Ref: 'Policy' }, Principal: { 'Fn::GetAtt': ['Signed', 'Arn'] } },
      },
      Fleet: {
        Type: 'AWS::IoT::ProvisioningTemplate',
        Properties: {
          TemplateName: 'fleet',
          TemplateBody: bodyOf(version),
          ProvisioningRoleArn: ROLE,
          Tags: [{ Key: 'version', Value: version }],
          ...(whole && {
            Description: 'pumps',
            Enabled: true,
            PreProvisioningHook: { TargetArn: 'arn:aws:lambda:us-east-1:000000000000:function:hook' },
          }),
        },
      },
    },
    Outputs: {
      Authority: { Value: { Ref: 'Authority' } },
      Device: { Value: { Ref: 'Device' } },
      Signed: { Value: { Ref: 'Signed' } },
      Fleet: { Value: { 'Fn::GetAtt': ['Fleet', 'TemplateArn'] } },
    },
  });
}

test('a stack makes, changes and deletes authorities, certificates and provisioning templates', async () => {
  const { registrationCode } = await iot.send(new GetRegistrationCodeCommand({}));
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const device = authority.issue('device');
  const given = {
    verification: authority.issue(registrationCode!).cert,
    request: encodePem('CERTIFICATE REQUEST', await makeRequest(encodeName(['CN', 'p']), publicKey, privateKey)),
    device: device.cert,
  };
  const StackName = 'identities';
  const wait = { client: cloudFormation, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
  const make = (status: string, version: string, whole: boolean) => {
    return { StackName, TemplateBody: template({ ...given, status, version, whole }) };
  };
  await cloudFormation.send(new CreateStackCommand(make('ACTIVE', '1', true)));
  await waitUntilStackCreateComplete(wait, { StackName });
  const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
  const outputs = Object.fromEntries(Stacks![0]!.Outputs!.map((one) => [one.OutputKey, one.OutputValue!]));
  assert.equal(outputs.Authority, authority.authority.id);
  assert.equal(outputs.Device, device.id);
  assert.equal(outputs.Fleet, 'arn:aws:iot:us-east-1:000000000000:provisioningtemplate/fleet');

  const describe = async () => {
    const ca = await iot.send(new DescribeCACertificateCommand({ certificateId: outputs.Authority }));
    const registered = await iot.send(new DescribeCertificateCommand({ certificateId: outputs.Device }));
    const signed = await iot.send(new DescribeCertificateCommand({ certificateId: outputs.Signed }));
    const { certificateArn, status, autoRegistrationStatus } = ca.certificateDescription!;
    const tagsOf = async (resourceArn: string) =>
      (await iot.send(new ListTagsForResourceCommand({ resourceArn }))).tags!.map(({ Value }) => Value);
    const fleet = await iot.send(new DescribeProvisioningTemplateCommand({ templateName: 'fleet' }));
    return {
      statuses: [status, registered.certificateDescription!.status, signed.certificateDescription!.status],
      issuer: registered.certificateDescription!.caCertificateId,
      autoRegistrationStatus,
      jitp: ca.registrationConfig?.templateBody,
      tags: [...(await tagsOf(certificateArn!)), ...(await tagsOf(outputs.Fleet!))],
      fleet: [fleet.templateBody, fleet.enabled, fleet.description, fleet.preProvisioningHook?.targetArn],
    };
  };
  assert.deepEqual(await describe(), {
    statuses: ['ACTIVE', 'ACTIVE', 'ACTIVE'],
    issuer: outputs.Authority,
    autoRegistrationStatus: 'ENABLE',
    jitp: bodyOf('jitp'),
    tags: ['1', '1'],
    fleet: [bodyOf('1'), true, 'pumps', 'arn:aws:lambda:us-east-1:000000000000:function:hook'],
  });
  const { certificateDescription } = await iot.send(new DescribeCertificateCommand({ certificateId: outputs.Signed }));
  const target = certificateDescription!.certificateArn!;
  const { policies } = await iot.send(new ListAttachedPoliciesCommand({ target }));
  assert.deepEqual(
    policies!.map(({ policyName }) => policyName),
    ['connect'],
  );

  // One version more than there may be: old ones make room. What leaves the template goes back to what a new one has.
  for (const version of ['2', '3', '4', '5', '6']) {
    await cloudFormation.send(new UpdateStackCommand(make('INACTIVE', version, false)));
    await waitUntilStackUpdateComplete(wait, { StackName });
  }
  assert.deepEqual(await describe(), {
    statuses: ['INACTIVE', 'INACTIVE', 'INACTIVE'],
    issuer: outputs.Authority,
    autoRegistrationStatus: 'DISABLE',
    jitp: undefined,
    tags: ['6', '6'],
    fleet: [bodyOf('6'), false, '', undefined],
  });
  const { versions } = await iot.send(new ListProvisioningTemplateVersionsCommand({ templateName: 'fleet' }));
  assert.deepEqual(
    versions!.map(({ versionId }) => versionId),
    [2, 3, 4, 5, 6],
  );

  await cloudFormation.send(new UpdateStackCommand(make('ACTIVE', '7', true)));
  await waitUntilStackUpdateComplete(wait, { StackName });
  await cloudFormation.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete(wait, { StackName });
  assert.deepEqual((await iot.send(new ListCertificatesCommand({}))).certificates, []);
  assert.deepEqual((await iot.send(new ListCACertificatesCommand({}))).certificates, []);
  assert.deepEqual((await iot.send(new ListProvisioningTemplatesCommand({}))).templates, []);
});

test('a certificate of which a template says both, or nothing, is not made', async () => {
  const both = { CertificatePem: authority.authority.cert, CertificateSigningRequest: 'x', Status: 'ACTIVE' };
  for (const [StackName, Properties] of [
    ['both', both],
    ['nothing', { Status: 'ACTIVE' }],
    ['unreadable', { CertificatePem: 'x', CertificateMode: 'SNI_ONLY', Status: 'ACTIVE' }],
  ] as const) {
    const TemplateBody = JSON.stringify({ Resources: { Device: { Type: 'AWS::IoT::Certificate', Properties } } });
    await cloudFormation.send(new CreateStackCommand({ StackName, TemplateBody, OnFailure: 'DELETE' }));
    const wait = { client: cloudFormation, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
    await waitUntilStackDeleteComplete(wait, { StackName });
  }
  assert.deepEqual((await iot.send(new ListCertificatesCommand({}))).certificates, []);
});
