import { ACCOUNT_ID, type Clock, hasCode } from '../../../base/index.ts';
import { type Certificate, certificateArn } from '../certificates/certificate.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { type KeyPair, makeKeyPair, SUBJECT } from '../certificates/key-pair.ts';
import type { Policies } from '../policies/policies.ts';
import { PROVISIONING_LIMITS } from './limits.ts';
import type { ProvisioningTemplates } from './templates.ts';

export interface Claim {
  readonly certificate: Certificate;
  readonly keys: KeyPair;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/**
 * Makes a certificate that is good for five minutes and for provisioning by one template: for an installer's app (trusted user).
 *
 * @throws IotError resource-not-found  there is no such template
 */
export async function makeClaim(
  templateName: string,
  region: string,
  parts: {
    readonly templates: ProvisioningTemplates;
    readonly certificates: Certificates;
    readonly policies: Policies;
    readonly clock: Clock;
  },
): Promise<Claim> {
  const { templates, certificates, policies, clock } = parts;
  templates.get(templateName);
  const policyName = `millrace-claim-${templateName}`;
  try {
    await policies.create(policyName, claimPolicy(templateName, region), region);
  } catch (error) {
    if (!hasCode(error, 'resource-exists')) throw error;
  }
  const keys = await makeKeyPair();
  const expiresAt = clock.now() + PROVISIONING_LIMITS.claimMsMax;
  const registration = { region, status: 'ACTIVE', origin: 'claim' } as const;
  const certificate = await certificates.issue(SUBJECT, keys.publicKey, registration, PROVISIONING_LIMITS.claimMsMax);
  await policies.attach(policyName, certificateArn(certificate));
  return { certificate, keys, expiresAt };
}

/** May come in under any name, and use the topics of provisioning alone. */
function claimPolicy(templateName: string, region: string): string {
  const arn = (resource: string) => `arn:aws:iot:${region}:${ACCOUNT_ID}:${resource}`;
  const prefixes = [
    '$aws/certificates/create/',
    '$aws/certificates/create-from-csr/',
    `$aws/provisioning-templates/${templateName}/provision/`,
  ];
  const topics = (kind: string) => prefixes.map((prefix) => arn(`${kind}/${prefix}*`));
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: arn('client/*') },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: topics('topic') },
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: topics('topicfilter') },
    ],
  });
}
