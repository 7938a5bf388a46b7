import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineExchange, defineQueue } from '@surehop/core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { contractsIn, loadContracts } from './contract-files.ts';

const shop = defineExchange('shop', { type: 'topic' });
const orders = defineQueue('orders');
const mails = defineQueue('mails');

describe('contracts in a module', () => {
  test('are its exports, and what stands in exported lists and objects', () => {
    const found = contractsIn({ orders, all: [mails, orders], byName: { shop }, total: 3, nothing: null, name: 'x' });
    expect(new Set(found)).toEqual(new Set([orders, mails, shop]));
  });

  test('deeper than that is not looked', () => {
    expect(contractsIn({ deep: { deeper: { orders } } })).toEqual([]);
  });

  test('what only looks like one is none', () => {
    const three = { kind: 'queue', name: 'orders', retry: {} };
    expect(contractsIn({ one: { kind: 'queue', name: 'orders' }, two: { kind: 'exchange' }, three })).toEqual([]);
  });
});

describe('loading', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'surehop-contracts-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const written = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const queue = "{ kind: 'queue', name: 'orders', type: 'quorum', retry: { delaysMs: [] }, bindTo: [] }";

  test('reads JavaScript', async () => {
    const path = await written('contracts.mjs', `export const orders = ${queue};`);
    expect((await loadContracts([path])).queues.map(({ name }) => name)).toEqual(['orders']);
  });

  test.each([
    ['missing.mjs', undefined, /does not exist/],
    ['empty.mjs', 'export const total = 3;', /exports no contract: export what defineQueue\(\)/],
    ['throws.mjs', "throw new Error('no DATABASE_URL');", /could not be loaded: no DATABASE_URL/],
    ['imports.mjs', "import './nowhere.ts';", /could not be loaded: .*with their ending/],
    ['broken.mjs', 'export const = 3;', /could not be loaded/],
  ])('%s: what is wrong is said', async (name, text, message) => {
    const path = text === undefined ? join(folder, name) : await written(name, text);
    const failure = await loadContracts([path]).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as Error).message).toMatch(message);
  });

  test('TypeScript on a Node that cannot run it: what to do is said', async () => {
    const path = await written('contracts.ts', `export const orders = ${queue};`);
    const can = vi.spyOn(process.features, 'typescript', 'get').mockReturnValue(false);
    try {
      await expect(loadContracts([path])).rejects.toThrow(/TypeScript, which Node runs from 22.18 on; this is v\d+/);
    } finally {
      can.mockRestore();
    }
  });
});
