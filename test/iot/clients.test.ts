/** boto3 and the aws CLI against the device cloud: what is built of `iot` and `iot-data`, over the wire. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { InvokeFunction } from '../../src/services/iot/index.ts';
import { clientEnvironment, run } from '../wire/support.ts';
import { type Cloud, openCloud } from './harness.ts';

/** Lets everybody in as `pump`. */
const authorize: InvokeFunction = async () => ({
  kind: 'returned',
  value: {
    isAuthenticated: true,
    principalId: 'pump',
    disconnectAfterInSeconds: 3600,
    refreshAfterInSeconds: 300,
    policyDocuments: [],
  },
});

let cloud: Cloud;

before(async () => {
  cloud = await openCloud(undefined, authorize);
});

after(() => cloud[Symbol.asyncDispose]());

/** Operations that are built, by service. */
function environment(): NodeJS.ProcessEnv {
  const built = cloud.iot.services.flatMap(({ operations }) => Object.keys(operations));
  return { ...clientEnvironment(cloud.wire), BUILT: built.join(' ') };
}

/**
 * Not driven: what needs an authority of the account's own or another account, which certificates.test.ts has, and a connected client
 * (presence.test.ts).
 */
const ELSEWHERE = `
elsewhere = set('''RegisterCACertificate DescribeCACertificate UpdateCACertificate DeleteCACertificate ListCertificatesByCA
RegisterCertificate AcceptCertificateTransfer RejectCertificateTransfer CancelCertificateTransfer TransferCertificate
RegisterThing DeleteConnection GetConnection ListSubscriptions GetThingConnectivityData'''.split())
`;

const BOTO3 = `
import os, json, subprocess, boto3
from botocore.exceptions import ClientError
clients = [boto3.client(name, endpoint_url=os.environ['ENDPOINT']) for name in ('iot', 'iot-data')]
owner = {operation: client for client in clients for operation in client.meta.service_model.operation_names}
version = boto3.__version__.replace('.', '-')
used = set()
def call(operation, **input):
    used.add(operation)
    client = owner[operation]
    name = next(method for method, known in client.meta.method_to_api_mapping.items() if known == operation)
    answer = getattr(client, name)(**input)
    del answer['ResponseMetadata']
    return answer
def fails(code, operation, **input):
    try: call(operation, **input)
    except ClientError as error:
        assert error.response['Error']['Code'] == code, error.response
        return
    raise AssertionError(operation)
def arn(resource): return 'arn:aws:iot:eu-central-1:000000000000:' + resource
def n(name): return name + '-' + version

# Types, things, groups.
assert call('DescribeEndpoint', endpointType='iot:Data-ATS')['endpointAddress']
kind = call('CreateThingType', thingTypeName=n('pump'), thingTypeProperties={'searchableAttributes': ['site']}, tags=[{'Key': 'a', 'Value': '1'}])
assert kind['thingTypeArn'] == arn('thingtype/' + n('pump')), kind
assert call('DescribeThingType', thingTypeName=n('pump'))['thingTypeProperties']['searchableAttributes'] == ['site']
if 'UpdateThingType' in owner: call('UpdateThingType', thingTypeName=n('pump'), thingTypeProperties={'thingTypeDescription': 'x', 'searchableAttributes': ['site']})
assert n('pump') in [one['thingTypeName'] for one in call('ListThingTypes')['thingTypes']]
thing = call('CreateThing', thingName=n('p1'), thingTypeName=n('pump'), attributePayload={'attributes': {'site': 'north'}})
assert thing['thingArn'] == arn('thing/' + n('p1')) and thing['thingId'], thing
again = call('CreateThing', thingName=n('p1'), thingTypeName=n('pump'), attributePayload={'attributes': {'site': 'north'}})
assert again['thingId'] == thing['thingId']
fails('ResourceAlreadyExistsException', 'CreateThing', thingName=n('p1'), attributePayload={'attributes': {'site': 'south'}})
call('UpdateThing', thingName=n('p1'), attributePayload={'attributes': {'floor': '2'}, 'merge': True}, expectedVersion=1)
fails('VersionConflictException', 'UpdateThing', thingName=n('p1'), removeThingType=True, expectedVersion=1)
described = call('DescribeThing', thingName=n('p1'))
assert described['attributes'] == {'site': 'north', 'floor': '2'} and described['version'] == 2, described
assert [one['thingName'] for one in call('ListThings', thingTypeName=n('pump'), attributeName='site', attributeValue='north')['things']] == [n('p1')]
fails('ResourceNotFoundException', 'DescribeThing', thingName='nowhere')
hall = call('CreateThingGroup', thingGroupName=n('hall'), thingGroupProperties={'thingGroupDescription': 'd'})
row = call('CreateThingGroup', thingGroupName=n('row'), parentGroupName=n('hall'))
assert call('DescribeThingGroup', thingGroupName=n('row'))['thingGroupMetadata']['parentGroupName'] == n('hall')
call('UpdateThingGroup', thingGroupName=n('hall'), thingGroupProperties={'thingGroupDescription': 'e'}, expectedVersion=1)
call('AddThingToThingGroup', thingName=n('p1'), thingGroupName=n('row'))
assert [one['groupName'] for one in call('ListThingGroupsForThing', thingName=n('p1'))['thingGroups']] == [n('row')]
assert call('ListThingsInThingGroup', thingGroupName=n('hall'), recursive=True)['things'] == [n('p1')]
assert [one['groupName'] for one in call('ListThingGroups', parentGroup=n('hall'))['thingGroups']] == [n('row')]
call('UpdateThingGroupsForThing', thingName=n('p1'), thingGroupsToAdd=[n('hall')], thingGroupsToRemove=[n('row')])
call('RemoveThingFromThingGroup', thingName=n('p1'), thingGroupName=n('hall'))
call('AddThingToThingGroup', thingName=n('p1'), thingGroupName=n('row'))
call('TagResource', resourceArn=hall['thingGroupArn'], tags=[{'Key': 'k', 'Value': 'v'}, {'Key': 'l', 'Value': 'w'}])
call('UntagResource', resourceArn=hall['thingGroupArn'], tagKeys=['l'])
assert call('ListTagsForResource', resourceArn=hall['thingGroupArn'])['tags'] == [{'Key': 'k', 'Value': 'v'}]
events = call('DescribeEventConfigurations')['eventConfigurations']
assert events['THING'] == {'Enabled': False}, events
call('UpdateEventConfigurations', eventConfigurations={'THING': {'Enabled': False}})

# Certificates and principals.
made = call('CreateKeysAndCertificate', setAsActive=True)
cert, certId = made['certificateArn'], made['certificateId']
assert cert == arn('cert/' + certId) and 'PRIVATE KEY' in made['keyPair']['PrivateKey'], cert
def openssl(*arguments):
    return subprocess.run(['openssl', 'req', *arguments, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=x'], check=True, capture_output=True, text=True).stdout
second = call('CreateCertificateFromCsr', certificateSigningRequest=openssl('-new'), setAsActive=False)
assert call('DescribeCertificate', certificateId=second['certificateId'])['certificateDescription']['status'] == 'INACTIVE'
call('UpdateCertificate', certificateId=second['certificateId'], newStatus='REVOKED')
call('DeleteCertificate', certificateId=second['certificateId'])
fails('ResourceNotFoundException', 'DescribeCertificate', certificateId=second['certificateId'])
registered = call('RegisterCertificateWithoutCA', certificatePem=openssl('-x509'), status='ACTIVE')
assert {cert, registered['certificateArn']} <= {one['certificateArn'] for one in call('ListCertificates', pageSize=100)['certificates']}
assert call('ListOutgoingCertificates')['outgoingCertificates'] == [] and call('ListCACertificates')['certificates'] == []
assert len(call('GetRegistrationCode')['registrationCode']) == 64
call('DeleteRegistrationCode')
call('AttachThingPrincipal', thingName=n('p1'), principal=cert)
assert call('ListThingPrincipals', thingName=n('p1'))['principals'] == [cert]
assert call('ListPrincipalThings', principal=cert)['things'] == [n('p1')]
if 'ListThingPrincipalsV2' in owner:
    assert call('ListThingPrincipalsV2', thingName=n('p1'))['thingPrincipalObjects'] == [{'principal': cert, 'thingPrincipalType': 'NON_EXCLUSIVE_THING'}]
    assert [one['thingName'] for one in call('ListPrincipalThingsV2', principal=cert)['principalThingObjects']] == [n('p1')]

# Policies.
def document(topic): return json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'iot:Publish', 'Resource': arn('topic/' + topic)}]})
policy = call('CreatePolicy', policyName=n('own'), policyDocument=document('a'))
assert policy['policyVersionId'] == '1' and policy['policyArn'] == arn('policy/' + n('own'))
fails('MalformedPolicyException', 'CreatePolicy', policyName=n('bad'), policyDocument='{')
assert call('CreatePolicyVersion', policyName=n('own'), policyDocument=document('b'), setAsDefault=False)['policyVersionId'] == '2'
call('SetDefaultPolicyVersion', policyName=n('own'), policyVersionId='2')
assert call('GetPolicy', policyName=n('own'))['defaultVersionId'] == '2'
assert json.loads(call('GetPolicyVersion', policyName=n('own'), policyVersionId='1')['policyDocument']) == json.loads(document('a'))
assert [(one['versionId'], one['isDefaultVersion']) for one in call('ListPolicyVersions', policyName=n('own'))['policyVersions']] in ([('1', False), ('2', True)], [('2', True), ('1', False)])
fails('DeleteConflictException', 'DeletePolicyVersion', policyName=n('own'), policyVersionId='2')
call('DeletePolicyVersion', policyName=n('own'), policyVersionId='1')
call('AttachPolicy', policyName=n('own'), target=cert)
assert [one['policyName'] for one in call('ListAttachedPolicies', target=cert)['policies']] == [n('own')]
assert call('ListTargetsForPolicy', policyName=n('own'))['targets'] == [cert]
fails('DeleteConflictException', 'DeletePolicy', policyName=n('own'))
call('CreatePolicy', policyName=n('old'), policyDocument=document('c'))
call('AttachPrincipalPolicy', policyName=n('old'), principal=cert)
assert {one['policyName'] for one in call('ListPrincipalPolicies', principal=cert)['policies']} == {n('own'), n('old')}
assert certId in call('ListPolicyPrincipals', policyName=n('old'))['principals'][0]
assert {one['policyName'] for one in call('GetEffectivePolicies', principal=cert, thingName=n('p1'))['effectivePolicies']} == {n('own'), n('old')}
assert n('own') in [one['policyName'] for one in call('ListPolicies', pageSize=100)['policies']]
def decide(topic, **more):
    answer = call('TestAuthorization', principal=cert, authInfos=[{'actionType': 'PUBLISH', 'resources': [arn('topic/' + topic)]}], **more)
    return answer['authResults'][0]['authDecision']
assert [decide('a'), decide('b'), decide('c')] == ['IMPLICIT_DENY', 'ALLOWED', 'ALLOWED']
assert decide('c', policyNamesToSkip=[n('old')]) == 'IMPLICIT_DENY'
call('DetachPrincipalPolicy', policyName=n('old'), principal=cert)

# Authorizers.
function = 'arn:aws:lambda:eu-central-1:000000000000:function:f'
authorizer = call('CreateAuthorizer', authorizerName=n('auth'), authorizerFunctionArn=function, status='ACTIVE', signingDisabled=True)
assert authorizer['authorizerArn'] == arn('authorizer/' + n('auth'))
call('UpdateAuthorizer', authorizerName=n('auth'), authorizerFunctionArn=function)
assert call('DescribeAuthorizer', authorizerName=n('auth'))['authorizerDescription']['authorizerFunctionArn'] == function
assert [one['authorizerName'] for one in call('ListAuthorizers', status='ACTIVE')['authorizers']] == [n('auth')]
call('SetDefaultAuthorizer', authorizerName=n('auth'))
assert call('DescribeDefaultAuthorizer')['authorizerDescription']['authorizerName'] == n('auth')
asked = call('TestInvokeAuthorizer', authorizerName=n('auth'), mqttContext={'username': 'u', 'password': b'p', 'clientId': 'c'})
assert asked['isAuthenticated'] and asked['principalId'] == 'pump' and asked['disconnectAfterInSeconds'] == 3600, asked
call('ClearDefaultAuthorizer')
fails('ResourceNotFoundException', 'DescribeDefaultAuthorizer')
call('UpdateAuthorizer', authorizerName=n('auth'), status='INACTIVE')
call('DeleteAuthorizer', authorizerName=n('auth'))

# Rules and provisioning templates.
rule = n('rule').replace('-', '_')
def payload(sql): return {'sql': sql, 'actions': [{'republish': {'roleArn': 'arn:aws:iam::000000000000:role/r', 'topic': n('copied'), 'qos': 1}}]}
call('CreateTopicRule', ruleName=rule, topicRulePayload=payload("SELECT * FROM 'x'"))
call('ReplaceTopicRule', ruleName=rule, topicRulePayload=payload("SELECT * FROM '" + n('y') + "'"))
call('DisableTopicRule', ruleName=rule)
assert call('GetTopicRule', ruleName=rule)['rule']['ruleDisabled'] is True
call('EnableTopicRule', ruleName=rule)
assert rule in [one['ruleName'] for one in call('ListTopicRules')['rules']]
call('DeleteTopicRule', ruleName=rule)
body = json.dumps({'Resources': {'thing': {'Type': 'AWS::IoT::Thing', 'Properties': {'ThingName': 'x'}}}})
template = call('CreateProvisioningTemplate', templateName=n('t'), templateBody=body, enabled=True, provisioningRoleArn='arn:aws:iam::000000000000:role/r')
assert template['defaultVersionId'] == 1
assert call('CreateProvisioningTemplateVersion', templateName=n('t'), templateBody=body)['versionId'] == 2
call('UpdateProvisioningTemplate', templateName=n('t'), description='d', defaultVersionId=2)
assert call('DescribeProvisioningTemplate', templateName=n('t'))['defaultVersionId'] == 2
assert call('DescribeProvisioningTemplateVersion', templateName=n('t'), versionId=1)['isDefaultVersion'] is False
assert len(call('ListProvisioningTemplateVersions', templateName=n('t'))['versions']) == 2
assert n('t') in [one['templateName'] for one in call('ListProvisioningTemplates')['templates']]
assert call('CreateProvisioningClaim', templateName=n('t'))['certificateId']
call('DeleteProvisioningTemplateVersion', templateName=n('t'), versionId=1)
call('DeleteProvisioningTemplate', templateName=n('t'))

# The data plane.
call('Publish', topic=n('plant') + '/kept', qos=1, retain=True, payload=b'\\x00\\xff')
kept = call('GetRetainedMessage', topic=n('plant') + '/kept')
assert kept['payload'] == b'\\x00\\xff' and kept['qos'] == 1 and kept['lastModifiedTime'] > 1.7e12, kept
assert [one['payloadSize'] for one in call('ListRetainedMessages')['retainedTopics'] if one['topic'] == n('plant') + '/kept'] == [2]
call('Publish', topic=n('plant') + '/kept', retain=True)
fails('ResourceNotFoundException', 'GetRetainedMessage', topic=n('plant') + '/kept')
call('Publish', topic='plant/x', qos=0, payload='text')
fails('ForbiddenException', 'Publish', topic='$aws/things/x', payload='x')
fails('InvalidRequestException', 'Publish', topic='a/#', payload='x')

# And away with everything.
call('DetachPolicy', policyName=n('own'), target=cert)
call('DeletePolicy', policyName=n('own'))
call('DeletePolicy', policyName=n('old'))
fails('InvalidRequestException', 'DeleteThing', thingName=n('p1'))
call('DetachThingPrincipal', thingName=n('p1'), principal=cert)
call('DeleteThing', thingName=n('p1'))
call('DeleteThingGroup', thingGroupName=n('row'))
call('DeleteThingGroup', thingGroupName=n('hall'))
fails('InvalidRequestException', 'DeleteThingType', thingTypeName=n('pump'))
call('DeprecateThingType', thingTypeName=n('pump'))
fails('InvalidRequestException', 'CreateThing', thingName=n('p2'), thingTypeName=n('pump'))
${ELSEWHERE}
missing = set(os.environ['BUILT'].split()) & set(owner) - used - elsewhere
assert not missing, missing
print('done')
`;

for (const python of ['/usr/bin/python3', 'python3']) {
  test(`boto3 of ${python} drives the operations that are built, and matches the errors`, async () => {
    const { code, stdout, stderr } = await run(python, ['-c', BOTO3], environment());
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim(), 'done');
  });
}

/** The aws CLI's own main function, called in one process: starting it for each call takes most of a second. */
const CLI = `
import os, base64, json, io, contextlib, subprocess, tempfile
from awscli.clidriver import create_clidriver
driver = create_clidriver()
def aws(service, command, *arguments, code=0):
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    with contextlib.redirect_stdout(out):
        got = driver.main([service, command, *arguments, '--endpoint-url', os.environ['ENDPOINT'], '--output', 'json', '--no-cli-pager'])
    assert got == code, (command, arguments, got)
    text = out.buffer.getvalue().decode()
    return json.loads(text) if text.strip() else {}
def iot(command, *arguments, code=0): return aws('iot', command, *arguments, code=code)
def arn(resource): return 'arn:aws:iot:eu-central-1:000000000000:' + resource
files = tempfile.mkdtemp()
iot('create-thing-type', '--thing-type-name', 'valve')
iot('create-thing', '--thing-name', 'v1', '--thing-type-name', 'valve', '--attribute-payload', 'attributes={site=north}')
iot('update-thing', '--thing-name', 'v1', '--attribute-payload', 'attributes={floor=2},merge=true')
assert iot('describe-thing', '--thing-name', 'v1')['attributes'] == {'site': 'north', 'floor': '2'}
iot('describe-thing', '--thing-name', 'nowhere', code=254)
assert [one['thingName'] for one in iot('list-things', '--thing-type-name', 'valve')['things']] == ['v1']
iot('create-thing-group', '--thing-group-name', 'yard')
iot('add-thing-to-thing-group', '--thing-name', 'v1', '--thing-group-name', 'yard')
assert iot('list-things-in-thing-group', '--thing-group-name', 'yard')['things'] == ['v1']
made = iot('create-keys-and-certificate', '--set-as-active', '--certificate-pem-outfile', files + '/crt', '--private-key-outfile', files + '/key')
cert, certId = made['certificateArn'], made['certificateId']
assert open(files + '/crt').read() == made['certificatePem']
subprocess.run(['openssl', 'x509', '-in', files + '/crt', '-noout', '-checkend', '60'], check=True, capture_output=True)
iot('attach-thing-principal', '--thing-name', 'v1', '--principal', cert)
assert iot('list-thing-principals', '--thing-name', 'v1')['principals'] == [cert]
def allow(topic): return json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'iot:Publish', 'Resource': arn('topic/' + topic)}]})
open(files + '/policy.json', 'w').write(allow('a'))
iot('create-policy', '--policy-name', 'valves', '--policy-document', 'file://' + files + '/policy.json')
iot('create-policy-version', '--policy-name', 'valves', '--policy-document', allow('b'), '--set-as-default')
assert [one['isDefaultVersion'] for one in sorted(iot('list-policy-versions', '--policy-name', 'valves')['policyVersions'], key=lambda one: one['versionId'])] == [False, True]
iot('attach-policy', '--policy-name', 'valves', '--target', arn('thinggroup/yard'))
assert iot('list-targets-for-policy', '--policy-name', 'valves')['targets'] == [arn('thinggroup/yard')]
def decide(topic):
    answer = iot('test-authorization', '--principal', cert, '--auth-infos', 'actionType=PUBLISH,resources=' + arn('topic/' + topic))
    return answer['authResults'][0]['authDecision']
assert [decide('a'), decide('b')] == ['IMPLICIT_DENY', 'ALLOWED']
iot('delete-policy', '--policy-name', 'valves', code=254)
iot('create-authorizer', '--authorizer-name', 'cli', '--authorizer-function-arn', 'arn:aws:lambda:eu-central-1:000000000000:function:f', '--status', 'ACTIVE', '--signing-disabled')
assert iot('test-invoke-authorizer', '--authorizer-name', 'cli', '--token', 't')['principalId'] == 'pump'
iot('update-authorizer', '--authorizer-name', 'cli', '--status', 'INACTIVE')
iot('delete-authorizer', '--authorizer-name', 'cli')
aws('iot-data', 'publish', '--topic', 'valves/v1', '--qos', '1', '--retain', '--payload', base64.b64encode(b'open').decode())
kept = aws('iot-data', 'get-retained-message', '--topic', 'valves/v1')
assert base64.b64decode(kept['payload']) == b'open', kept
assert [one['topic'] for one in aws('iot-data', 'list-retained-messages')['retainedTopics']] == ['valves/v1']
aws('iot-data', 'publish', '--topic', 'valves/v1', '--retain')
aws('iot-data', 'get-retained-message', '--topic', 'valves/v1', code=254)
iot('update-certificate', '--certificate-id', certId, '--new-status', 'REVOKED')
iot('delete-certificate', '--certificate-id', certId, code=254)
iot('detach-thing-principal', '--thing-name', 'v1', '--principal', cert)
iot('detach-policy', '--policy-name', 'valves', '--target', arn('thinggroup/yard'))
iot('delete-policy-version', '--policy-name', 'valves', '--policy-version-id', '1')
iot('delete-policy', '--policy-name', 'valves')
iot('delete-certificate', '--certificate-id', certId)
iot('delete-thing', '--thing-name', 'v1')
iot('delete-thing-group', '--thing-group-name', 'yard')
print('done')
`;

test('the aws CLI makes a device with its policy, asks what it may do, publishes, and takes all away again', async () => {
  const { code, stdout, stderr } = await run('/usr/bin/python3', ['-c', CLI], environment());
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim(), 'done');
});
