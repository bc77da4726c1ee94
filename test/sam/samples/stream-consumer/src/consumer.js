const { DynamoDBClient, PutItemCommand } = require('@aws-sdk/client-dynamodb');
const { readingsOf } = require('/opt/readings');

const dynamodb = new DynamoDBClient();

exports.handler = async ({ Records }) => {
  for (const { device, value } of readingsOf(Records)) {
    const Item = { id: { S: device }, value: { N: String(value) } };
    await dynamodb.send(new PutItemCommand({ TableName: process.env.TABLE, Item }));
  }
};
