import { after } from 'node:test';
import { drive } from './drive.ts';
import { startFarEdge } from './far-edge.ts';
import { sns } from './scenarios/sns.ts';

const edge = await startFarEdge();
after(() => edge[Symbol.asyncDispose]());

drive(sns(edge));
