const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } = require('@aws-sdk/lib-dynamodb');

const table = DynamoDBDocumentClient.from(new DynamoDBClient());
const TableName = process.env.SAMPLE_TABLE;

const ROUTES = {
  'PUT /items': async ({ body }) => {
    await table.send(new PutCommand({ TableName, Item: JSON.parse(body) }));
    return 'put';
  },
  'GET /items/{id}': async ({ pathParameters: { id } }) =>
    (await table.send(new GetCommand({ TableName, Key: { id } }))).Item ?? 'none',
  'DELETE /items/{id}': async ({ pathParameters: { id } }) => {
    await table.send(new DeleteCommand({ TableName, Key: { id } }));
    return 'deleted';
  },
};

exports.handler = async (event, { invokedFunctionArn }) => ({
  statusCode: 200,
  headers: { 'x-qualifier': invokedFunctionArn.split(':')[7] },
  body: JSON.stringify(await ROUTES[event.routeKey](event)),
});
