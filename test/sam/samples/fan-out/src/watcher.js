const { gunzipSync } = require('node:zlib');
const { SendMessageCommand, SQSClient } = require('@aws-sdk/client-sqs');

const sqs = new SQSClient();

exports.handler = async ({ awslogs }) => {
  const { logEvents } = JSON.parse(gunzipSync(Buffer.from(awslogs.data, 'base64')));
  for (const { message } of logEvents) {
    const MessageBody = `logged: ${/told (.*)/.exec(message)[1]}`;
    await sqs.send(new SendMessageCommand({ QueueUrl: process.env.AUDIT, MessageBody }));
  }
};
