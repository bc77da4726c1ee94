'use strict';
/**
 * What the runtime calls after the function's code has been loaded, taken while it is still as Node made it. A package may
 * replace `JSON.parse`, `Promise.prototype.then`, `fs.readSync` or an iterator of arrays, by mistake or on purpose: that changes
 * what the function computes, and must not change which bytes the runtime reads from the channel or writes to it.
 *
 * Methods are given as functions of their object: `utf8Slice(buffer, from, to)`.
 */
const { readSync, writeSync } = require('node:fs');

const { prototype: buffer } = Buffer;
const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const getterOf = (object, name) => Object.getOwnPropertyDescriptor(object, name).get;

/** A method as a function whose first argument is the object. */
const uncurry = Function.prototype.bind.bind(Function.prototype.call);

module.exports = {
  Date,
  allocUnsafe: Buffer.allocUnsafe,
  allocUnsafeSlow: Buffer.allocUnsafeSlow,
  apply: Reflect.apply,
  bufferFrom: Buffer.from,
  byteLength: Buffer.byteLength,
  copy: uncurry(buffer.copy),
  dateNow: Date.now,
  errorToString: uncurry(Error.prototype.toString),
  exit: process.exit,
  lengthOf: uncurry(getterOf(typedArray, 'length')),
  min: Math.min,
  parse: JSON.parse,
  readDoubleLE: uncurry(buffer.readDoubleLE),
  readSync,
  resourceUsage: process.resourceUsage,
  setBytes: uncurry(typedArray.set),
  setImmediate,
  stringify: JSON.stringify,
  toISOString: uncurry(Date.prototype.toISOString),
  utf8Slice: uncurry(buffer.utf8Slice),
  utf8Write: uncurry(buffer.utf8Write),
  writeSync,
};
