import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ExchangeContract, QueueContract, StreamContract } from '@surehop/core';
import { UsageError } from '../usage-error.ts';

export interface Contracts {
  readonly queues: readonly QueueContract[];
  readonly exchanges: readonly ExchangeContract[];
  /** @default none */
  readonly streams?: readonly StreamContract[];
}

type Contract = QueueContract | ExchangeContract | StreamContract;

/**
 * The contracts that modules export: by themselves, or in an exported array or object. TypeScript is run as it is, by
 * Node itself.
 *
 * @param paths from the working directory
 * @throws {UsageError} a module that is not there, does not load, or exports no contract
 */
export async function loadContracts(paths: readonly string[]): Promise<Contracts> {
  const queues: QueueContract[] = [];
  const exchanges: ExchangeContract[] = [];
  const streams: StreamContract[] = [];
  for (const path of paths) {
    const found = contractsIn(await load(path));
    if (found.length === 0) {
      throw new UsageError(
        `${path} exports no contract: export what defineQueue(), defineExchange() or defineStream() gives`,
      );
    }
    for (const contract of found) {
      if (contract.kind === 'queue') queues.push(contract);
      else if (contract.kind === 'stream') streams.push(contract);
      else exchanges.push(contract);
    }
  }
  return { queues: [...new Set(queues)], exchanges: [...new Set(exchanges)], streams: [...new Set(streams)] };
}

async function load(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = resolve(path);
  if (!existsSync(file)) throw new UsageError(`${path} does not exist`);
  const isTypeScript = /\.[cm]?ts$/.test(file);
  if (isTypeScript && !process.features.typescript) {
    throw new UsageError(
      `${path} is TypeScript, which Node runs from 22.18 on; this is ${process.version}. Use a newer Node, or give the compiled .js file`,
    );
  }
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new UsageError(`${path} could not be loaded: ${loadFailure(cause)}`, { cause });
  }
}

function loadFailure(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const [first = ''] = message.split('\n').map((line) => line.trim());
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return `${message.replaceAll(/\s+/g, ' ')}. Node only takes types away: write it without enum, namespace and parameter properties`;
  }
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return `${first}. Node needs imports of files with their ending (./other.ts), and packages to be installed there`;
  }
  return first;
}

/** Those of the exports, and those one level into exported arrays and objects. */
export function contractsIn(exported: Readonly<Record<string, unknown>>): Contract[] {
  const found = new Set<Contract>();
  for (const value of Object.values(exported)) {
    const inside = typeof value === 'object' && value !== null && !isContract(value) ? Object.values(value) : [value];
    for (const one of inside) if (isContract(one)) found.add(one);
  }
  return [...found];
}

/** By shape: it may come from another copy of core. */
function isContract(value: unknown): value is Contract {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, name, retry, bindTo, type, segmentBytes } = value as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string') return false;
  if (kind === 'exchange') return typeof type === 'string';
  if (kind === 'stream') return typeof segmentBytes === 'number';
  return kind === 'queue' && typeof retry === 'object' && retry !== null && Array.isArray(bindTo);
}
