const { SendMessageCommand, SQSClient } = require('@aws-sdk/client-sqs');

const sqs = new SQSClient();

const told = ({ Sns, dynamodb, eventName, body }) => {
  if (Sns) return `urgent: ${Sns.Message}`;
  if (dynamodb) return `${eventName}: ${dynamodb.Keys.id.S}`;
  return `news: ${JSON.parse(body).Message}`;
};

exports.handler = async ({ Records }) => {
  for (const record of Records) {
    const MessageBody = told(record);
    console.log('told', MessageBody);
    await sqs.send(new SendMessageCommand({ QueueUrl: process.env.AUDIT, MessageBody }));
  }
};
