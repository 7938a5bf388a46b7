import { rm } from 'node:fs/promises';
import type { ProgramDefinition } from './broker.ts';
import type { Credentials } from './credentials.ts';
import { deletePrefixedByCtl } from './ctl.ts';
import { stopEpmd } from './epmd.ts';
import { eventually } from './eventually.ts';
import { Management } from './management.ts';
import { dropPrefixed } from './postgres/administration.ts';
import { endProcess, type ProcessIdentity } from './process.ts';

/** Something that must not outlive a broker. Plain data, so that another process can remove it. */
export type Leftover =
  | { readonly kind: 'process'; readonly identity: ProcessIdentity }
  | { readonly kind: 'epmd'; readonly port: number }
  | { readonly kind: 'containers'; readonly label: string }
  | {
      readonly kind: 'vhosts';
      readonly managementUrls: readonly string[];
      readonly credentials: Credentials;
      readonly prefix: string;
    }
  | { readonly kind: 'vhosts by rabbitmqctl'; readonly program: ProgramDefinition; readonly prefix: string }
  | { readonly kind: 'databases'; readonly url: string; readonly prefix: string }
  | { readonly kind: 'folder'; readonly path: string };

// A folder goes last, for a process that still runs would fill it again; epmd lets itself be stopped without nodes only.
const order: readonly Leftover['kind'][] = [
  'process',
  'epmd',
  'containers',
  'vhosts',
  'vhosts by rabbitmqctl',
  'databases',
  'folder',
];

/** Removes all it can. @throws {AggregateError} what could not be removed; the rest is */
export async function removeAll(leftovers: readonly Leftover[]): Promise<void> {
  const errors: unknown[] = [];
  for (const kind of order) {
    const results = await Promise.allSettled(leftovers.filter((leftover) => leftover.kind === kind).map(remove));
    errors.push(...results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])));
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join('\n'));
}

async function remove(leftover: Leftover): Promise<void> {
  switch (leftover.kind) {
    case 'process':
      return endProcess(leftover.identity);
    case 'epmd':
      return stopEpmd(leftover.port);
    case 'containers':
      return removeContainers(leftover.label);
    case 'vhosts':
      return new Management(leftover.managementUrls, leftover.credentials).deletePrefixed(leftover.prefix);
    case 'vhosts by rabbitmqctl':
      return deletePrefixedByCtl(leftover.program, leftover.prefix);
    case 'databases':
      return dropPrefixed(leftover.url, leftover.prefix);
    case 'folder':
      return eventually(() => rm(leftover.path, { recursive: true, force: true }));
    default:
      leftover satisfies never;
  }
}

async function removeContainers(label: string): Promise<void> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  const { dockerode } = (await getContainerRuntimeClient()).container;
  const containers = await dockerode.listContainers({ all: true, filters: { label: [label] } });
  await Promise.all(containers.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })));
}
