/*
 * The examples of the developer guide, "Using expressions in DynamoDB": the item of ProductCatalog, and what is done to it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { type ExpressionRequest, readExpressions } from './index.ts';

const S = (text: string): AttributeValue => ({ S: text });
const N = (number: number): AttributeValue => ({ N: String(number) });
const L = (...members: AttributeValue[]): AttributeValue => ({ L: members });

const bicycle: Attributes = {
  Id: N(123),
  Title: S('Bicycle 123'),
  Description: S('123 description'),
  BicycleType: S('Hybrid'),
  Brand: S('Brand-Company C'),
  Price: N(500),
  Color: { SS: ['Red', 'Black'] },
  ProductCategory: S('Bicycle'),
  InStock: { BOOL: true },
  QuantityOnHand: { NULL: true },
  RelatedItems: L(N(341), N(472), N(649)),
  Pictures: {
    M: {
      FrontView: S('http://example.com/products/123_front.jpg'),
      RearView: S('http://example.com/products/123_rear.jpg'),
      SideView: S('http://example.com/products/123_left_side.jpg'),
    },
  },
  ProductReviews: {
    M: {
      FiveStar: L(S("Excellent! Can't recommend it highly enough! Buy it!"), S('Do yourself a favor and buy this.')),
      OneStar: L(S('Terrible product! Do not buy this.')),
    },
  },
  Comment: S('This product sells out quickly during the summer'),
  'Safety.Warning': S('Always wear a helmet'),
};

const EXPRESSIONS = ['UpdateExpression', 'ConditionExpression', 'ProjectionExpression'] as const;

function holds(ConditionExpression: string, ExpressionAttributeValues?: Attributes): boolean {
  const request: ExpressionRequest = { ConditionExpression, ExpressionAttributeValues };
  return readExpressions(request, { expressions: EXPRESSIONS }).condition!.evaluate(bicycle);
}

function updated(request: ExpressionRequest, item = bicycle): Attributes {
  return readExpressions(request, { expressions: EXPRESSIONS }).update!.apply(item).attributes;
}

function projected(request: ExpressionRequest): Attributes {
  return readExpressions(request, { expressions: EXPRESSIONS }).projection!.project(bicycle);
}

test('projection expressions', () => {
  assert.deepEqual(projected({ ProjectionExpression: 'Title' }), { Title: bicycle.Title });
  assert.deepEqual(projected({ ProjectionExpression: 'Title, Price, Color' }), {
    Title: bicycle.Title,
    Price: bicycle.Price,
    Color: bicycle.Color,
  });
  assert.deepEqual(
    projected({ ProjectionExpression: 'Title, Description, RelatedItems[0], ProductReviews.FiveStar' }),
    {
      Title: bicycle.Title,
      Description: bicycle.Description,
      RelatedItems: L(N(341)),
      ProductReviews: { M: { FiveStar: (bicycle.ProductReviews as { M: Attributes }).M.FiveStar } },
    },
  );
});

test('names with dots and reserved words come by placeholders', () => {
  assert.deepEqual(projected({ ProjectionExpression: '#sw', ExpressionAttributeNames: { '#sw': 'Safety.Warning' } }), {
    'Safety.Warning': bicycle['Safety.Warning'],
  });
  assert.throws(() => projected({ ProjectionExpression: 'Comment' }), {
    message: 'Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: Comment',
  });
  const request = {
    ProjectionExpression: '#pr.#1star, #pr.FiveStar[1], #c',
    ExpressionAttributeNames: { '#pr': 'ProductReviews', '#1star': 'OneStar', '#c': 'Comment' },
  };
  assert.deepEqual(projected(request), {
    ProductReviews: {
      M: {
        OneStar: L(S('Terrible product! Do not buy this.')),
        FiveStar: L(S('Do yourself a favor and buy this.')),
      },
    },
    Comment: bicycle.Comment,
  });
});

test('conditions', () => {
  assert.equal(holds('attribute_not_exists(Id)'), false);
  assert.equal(holds('attribute_not_exists(Price)'), false);
  assert.equal(holds('attribute_exists(ProductReviews.OneStar)'), true);
  assert.equal(holds('attribute_type(ProductReviews.FiveStar, :v_sub)', { ':v_sub': S('L') }), true);
  assert.equal(holds('attribute_type(Color, :v_sub)', { ':v_sub': S('SS') }), true);
  assert.equal(holds('begins_with(Pictures.FrontView, :v_sub)', { ':v_sub': S('http://') }), true);
  assert.equal(holds('contains(Color, :v_sub)', { ':v_sub': S('Red') }), true);
  assert.equal(holds('size(Brand) > :v_sub', { ':v_sub': N(20) }), false);
  assert.equal(holds('Price > :limit', { ':limit': N(500) }), false);
  const values = { ':cat1': S('Sporting Goods'), ':cat2': S('Bicycle'), ':lo': N(500), ':hi': N(600) };
  assert.equal(holds('(ProductCategory IN (:cat1, :cat2)) and (Price between :lo and :hi)', values), true);
});

test('SET', () => {
  const values = { ':b': S('Brand-Company D'), ':p': N(550) };
  const changed = updated({ UpdateExpression: 'SET Brand = :b, Price = :p', ExpressionAttributeValues: values });
  assert.deepEqual(changed, { ...bicycle, Brand: S('Brand-Company D'), Price: N(550) });

  const request = {
    UpdateExpression: 'SET #pr.#5star[1] = :r5, #pr.#3star = :r3',
    ExpressionAttributeNames: { '#pr': 'ProductReviews', '#5star': 'FiveStar', '#3star': 'ThreeStar' },
    ExpressionAttributeValues: { ':r5': S('Very happy with my purchase'), ':r3': L(S('Just OK')) },
  };
  assert.deepEqual(updated(request).ProductReviews, {
    M: {
      FiveStar: L(S("Excellent! Can't recommend it highly enough! Buy it!"), S('Very happy with my purchase')),
      OneStar: L(S('Terrible product! Do not buy this.')),
      ThreeStar: L(S('Just OK')),
    },
  });
});

test('SET with arithmetic, list_append and if_not_exists', () => {
  const price = (UpdateExpression: string) =>
    updated({ UpdateExpression, ExpressionAttributeValues: { ':p': N(15) } }).Price;
  assert.deepEqual(price('SET Price = Price - :p'), N(485));
  assert.deepEqual(price('SET Price = if_not_exists(Price, :p)'), N(500));
  const related = (UpdateExpression: string) =>
    updated({
      UpdateExpression,
      ExpressionAttributeNames: { '#ri': 'RelatedItems' },
      ExpressionAttributeValues: { ':vals': L(N(123), N(100)) },
    }).RelatedItems;
  assert.deepEqual(related('SET #ri = list_append(#ri, :vals)'), L(N(341), N(472), N(649), N(123), N(100)));
  assert.deepEqual(related('SET #ri = list_append(:vals, #ri)'), L(N(123), N(100), N(341), N(472), N(649)));
});

test('REMOVE', () => {
  const { Brand, InStock, QuantityOnHand, ...rest } = bicycle;
  assert.ok(Brand && InStock && QuantityOnHand);
  assert.deepEqual(updated({ UpdateExpression: 'REMOVE Brand, InStock, QuantityOnHand' }), rest);
  assert.deepEqual(updated({ UpdateExpression: 'REMOVE RelatedItems[1], RelatedItems[2]' }).RelatedItems, L(N(341)));
});

test('ADD and DELETE', () => {
  const { QuantityOnHand: _, ...sold } = bicycle;
  const add = (item: Attributes, q: number) =>
    updated({ UpdateExpression: 'ADD QuantityOnHand :q', ExpressionAttributeValues: { ':q': N(q) } }, item);
  const stocked = add(sold, 5);
  assert.deepEqual(stocked.QuantityOnHand, N(5));
  assert.deepEqual(add(stocked, 5).QuantityOnHand, N(10));
  const color = (UpdateExpression: string, ...members: string[]) =>
    updated({ UpdateExpression, ExpressionAttributeValues: { ':c': { SS: members } } }).Color;
  assert.deepEqual(color('ADD Color :c', 'Orange', 'Red', 'Purple'), { SS: ['Black', 'Orange', 'Purple', 'Red'] });
  assert.deepEqual(color('DELETE Color :c', 'Red', 'Purple'), { SS: ['Black'] });
  assert.equal(color('DELETE Color :c', 'Red', 'Black'), undefined);
});

test('several clauses see the item as it was', () => {
  const item = { Id: N(1), Price: N(40), RelatedItems: L(N(10), N(20), N(30)) };
  const request = {
    UpdateExpression:
      'SET Price = Price - :p, Old = Price, RelatedItems[1] = :v, RelatedItems[9] = Price REMOVE RelatedItems[0]',
    ExpressionAttributeValues: { ':p': N(15), ':v': N(21) },
  };
  assert.deepEqual(updated({ ...request, UpdateExpression: request.UpdateExpression.replace('Old', 'Former') }, item), {
    Id: N(1),
    Price: N(25),
    Former: N(40),
    RelatedItems: L(N(21), N(30), N(40)),
  });
  assert.throws(() => updated(request, item), { message: /reserved keyword: Old$/ });
});
