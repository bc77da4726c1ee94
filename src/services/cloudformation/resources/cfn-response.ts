/**
 * The modules that inline code finds beside it on AWS, with AWS's names and signatures; ours also speak plain HTTP to any port, as the
 * ResponseURL of a node has.
 *
 * @see CloudFormation user guide, "cfn-response module"
 */
const NODEJS = `'use strict';
exports.SUCCESS = 'SUCCESS';
exports.FAILED = 'FAILED';
exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  return new Promise((resolve) => {
    const body = JSON.stringify({
      Status: responseStatus,
      Reason: 'See the details in CloudWatch Log Stream: ' + context.logStreamName,
      PhysicalResourceId: physicalResourceId || context.logStreamName,
      StackId: event.StackId,
      RequestId: event.RequestId,
      LogicalResourceId: event.LogicalResourceId,
      NoEcho: noEcho || false,
      Data: responseData,
    });
    const url = new URL(event.ResponseURL);
    const { request } = require(url.protocol === 'https:' ? 'node:https' : 'node:http');
    const headers = { 'content-type': '', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'PUT', headers }, (response) => {
      response.resume();
      response.on('end', () => {
        resolve(context.done());
      });
    });
    sent.on('error', (error) => resolve(context.done(error)));
    sent.end(body);
  });
};
`;

const PYTHON = `import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    body = json.dumps(
        {
            "Status": responseStatus,
            "Reason": reason or "See the details in CloudWatch Log Stream: {}".format(context.log_stream_name),
            "PhysicalResourceId": physicalResourceId or context.log_stream_name,
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
            "NoEcho": noEcho,
            "Data": responseData,
        }
    ).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"content-type": ""})
    try:
        with urllib.request.urlopen(request) as response:
            print("Status code:", response.status)
    except Exception as error:
        print("send(..) failed executing request(..):", error)
`;

/** Files that go into the package of inline code that asks for them. */
export function responseModules(code: string, runtime: string): Readonly<Record<string, string>> {
  if (runtime.startsWith('python')) return /\bcfnresponse\b/.test(code) ? { 'cfnresponse.py': PYTHON } : {};
  return code.includes('cfn-response') ? { 'node_modules/cfn-response/index.js': NODEJS } : {};
}
