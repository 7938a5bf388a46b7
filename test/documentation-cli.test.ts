import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { handlerEnvironment } from '../packages/cli/src/consume/handler-environment.ts';
import { exitCodes } from '../packages/cli/src/exit-codes.ts';

const text = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8');

test('docs/cli.md has a row for each exit code, and no other', () => {
  const rows = [...text.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, code, name]) => [name, Number(code)]);
  expect(rows).toEqual(Object.entries(exitCodes));
});

test('docs/cli.md names each variable that a handler gets, and no other', () => {
  const properties = {
    contentType: '',
    contentEncoding: '',
    deliveryMode: 2,
    priority: 0,
    correlationId: '',
    replyTo: '',
    expiration: '',
    messageId: '',
    timestamp: 0,
    type: '',
    userId: '',
    appId: '',
  };
  const headers = { 'x-tenant.id': '', nul: '\0' };
  const told = { queue: '', attempt: 1, redelivered: false, deliveryCount: 0, exchange: '', routingKey: '' };
  const set = Object.keys(handlerEnvironment({}, { ...told, properties, headers }));
  const named = [...text.matchAll(/`(SUREHOP_[A-Z_]+)`/g)].map(([, name]) => name);
  expect(new Set(named)).toEqual(new Set(set));
});
