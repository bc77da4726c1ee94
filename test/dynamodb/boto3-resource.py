"""boto3's resource interface on a node: what it does with types, batches and conditions. Prints ok at the end."""

import sys
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

dynamodb = boto3.resource(
    'dynamodb',
    endpoint_url=sys.argv[1],
    region_name='us-east-1',
    aws_access_key_id='test',
    aws_secret_access_key='test',
)

table = dynamodb.create_table(
    TableName='resource',
    KeySchema=[{'AttributeName': 'h', 'KeyType': 'HASH'}, {'AttributeName': 'r', 'KeyType': 'RANGE'}],
    AttributeDefinitions=[
        {'AttributeName': 'h', 'AttributeType': 'S'},
        {'AttributeName': 'r', 'AttributeType': 'N'},
        {'AttributeName': 'kind', 'AttributeType': 'S'},
    ],
    GlobalSecondaryIndexes=[
        {
            'IndexName': 'by-kind',
            'KeySchema': [{'AttributeName': 'kind', 'KeyType': 'HASH'}, {'AttributeName': 'r', 'KeyType': 'RANGE'}],
            'Projection': {'ProjectionType': 'ALL'},
        }
    ],
    BillingMode='PAY_PER_REQUEST',
)
table.wait_until_exists()
table.reload()
assert table.table_status == 'ACTIVE', table.table_status
assert table.item_count == 0

# Types: numbers are decimals of 38 digits, sets are sets, bytes are Binary.
item = {
    'h': 'types',
    'r': Decimal('1.5'),
    'exact': Decimal('12345678901234567890123456789012345678'),
    'small': Decimal('1E-130'),
    'text': 'ä☃',
    'yes': True,
    'nothing': None,
    'bytes': Binary(b'\x00\xff'),
    'list': [1, 'two', {'three': Decimal(3)}],
    'strings': {'a', 'b'},
    'numbers': {Decimal(1), Decimal('2.5')},
    'blobs': {Binary(b'x'), Binary(b'y')},
}
table.put_item(Item=item)
got = table.get_item(Key={'h': 'types', 'r': Decimal('1.5')}, ConsistentRead=True)['Item']
assert got == item, got
assert got['bytes'].value == b'\x00\xff'

try:
    table.put_item(Item={'h': 'float', 'r': 1, 'f': 1.1})
    raise AssertionError('a float was taken')
except TypeError as error:
    assert 'Float types are not supported' in str(error)

# The batch writer: puts and deletes together, the last of a key counting.
with table.batch_writer(overwrite_by_pkeys=['h', 'r']) as batch:
    for r in range(60):
        batch.put_item(Item={'h': 'batch', 'r': r, 'kind': 'even' if r % 2 == 0 else 'odd'})
    batch.put_item(Item={'h': 'batch', 'r': 59, 'kind': 'last'})
    batch.delete_item(Key={'h': 'batch', 'r': 0})

# Conditions are objects.
found = table.query(KeyConditionExpression=Key('h').eq('batch') & Key('r').between(10, 14), ScanIndexForward=False)
assert [int(one['r']) for one in found['Items']] == [14, 13, 12, 11, 10], found
found = table.query(
    IndexName='by-kind',
    KeyConditionExpression=Key('kind').eq('even') & Key('r').lt(7),
    FilterExpression=Attr('h').begins_with('ba') & Attr('absent').not_exists(),
)
assert [int(one['r']) for one in found['Items']] == [2, 4, 6], found
found = table.scan(FilterExpression=Attr('kind').is_in(['last', 'none']) | Attr('numbers').contains(Decimal(1)))
assert sorted(one['h'] for one in found['Items']) == ['batch', 'types'], found

updated = table.update_item(
    Key={'h': 'batch', 'r': 1},
    UpdateExpression='SET #k = :kind ADD changed_times :one',
    ConditionExpression=Attr('kind').eq('odd'),
    ExpressionAttributeNames={'#k': 'kind'},
    ExpressionAttributeValues={':kind': 'changed', ':one': Decimal(1)},
    ReturnValues='UPDATED_NEW',
)
assert updated['Attributes'] == {'kind': 'changed', 'changed_times': Decimal(1)}, updated
try:
    table.delete_item(Key={'h': 'batch', 'r': 1}, ConditionExpression=Attr('kind').eq('odd'))
    raise AssertionError('the condition did not count')
except ClientError as error:
    assert error.response['Error']['Code'] == 'ConditionalCheckFailedException'
    assert error.response['Error']['Message'] == 'The conditional request failed'
try:
    table.meta.client.get_item(TableName='resource', Key={'h': 'x'})
    raise AssertionError('half a key was taken')
except ClientError as error:
    assert error.response['Error']['Code'] == 'ValidationException'
    assert error.response['Error']['Message'] == 'The provided key element does not match the schema'

keys = [{'h': 'batch', 'r': 1}, {'h': 'batch', 'r': 2}]
answer = dynamodb.batch_get_item(RequestItems={'resource': {'Keys': keys}})
assert len(answer['Responses']['resource']) == 2 and not answer['UnprocessedKeys']

count = 0
for page in dynamodb.meta.client.get_paginator('scan').paginate(TableName='resource', PaginationConfig={'PageSize': 7}):
    count += page['Count']
assert count == 60, count
assert [one.name for one in dynamodb.tables.all()] == ['resource']

table.delete()
table.wait_until_not_exists()
print('ok')
