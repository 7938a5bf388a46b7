import { readdirSync, readFileSync } from 'node:fs';
import { defineQueue, errorCodes } from '@surehop/core';
import { brokerTraits, queueTopology, sequenceHeaders } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import { resolveConsumerOptions } from '../packages/consumer/src/consumer-options.ts';
import { resolveResequenceOptions } from '../packages/consumer/src/resequencing/resequence-options.ts';
import { resolveReaderOptions } from '../packages/consumer/src/stream/reader-options.ts';
import { headerNames } from '../packages/core/src/failure-record.ts';
import { resolveConnectOptions } from '../packages/core/src/options.ts';
import { mostHeld } from '../packages/dead-letters/src/holding.ts';
import { resolveInboxOptions } from '../packages/outbox/src/inbox/inbox-options.ts';
import { resolvePostgresOutboxOptions } from '../packages/outbox/src/postgres/postgres-outbox-options.ts';
import { resolveRelayOptions } from '../packages/outbox/src/relay/relay-options.ts';
import { resolveSpoolOptions } from '../packages/outbox/src/spool/spool-options.ts';
import { resolvePublisherOptions } from '../packages/publisher/src/publisher-options.ts';

describe('docs/errors.md', () => {
  const sections = sectionsOf(read('docs/errors.md'));

  test('has one section per error code, in the order of the code, and no other', () => {
    expect(sections.map(({ heading }) => heading)).toEqual([...errorCodes]);
  });

  test.each(sections)('$heading says what happened, whether the message is safe, and what to do', ({ text }) => {
    const questions = [...text.matchAll(/^\*\*(.+?)\*\*/gm)].map(([, question]) => question);
    expect(questions).toEqual(['What happened.', 'Is the message safe?', 'What to do.']);
  });
});

describe('docs/topology.md', () => {
  const text = read('docs/topology.md');
  const { queues, exchanges } = queueTopology(defineQueue('orders', { retry: { delaysMs: [1_000, 10_000] } }));

  test.each(queues)('names each argument of queue $name, and no other', ({ name, arguments: args }) => {
    const wanted = Object.entries(args).map(([argument, value]) => `${argument}: ${String(value)}`);
    expect(argumentsIn(rowOf(text, `queue \`${name}\``))).toEqual(wanted.sort());
  });

  test.each(exchanges)('names type and arguments of exchange $name', ({ name, type, arguments: args }) => {
    const row = rowOf(text, `exchange \`${name}\``);
    expect(row).toContain(type);
    const wanted = Object.entries(args).map(([argument, value]) => `${argument}: ${String(value)}`);
    expect(argumentsIn(row)).toEqual(wanted.sort());
  });
});

test('docs/wire-format.md has a row for each header of ours, and no other', () => {
  const rows = [...read('docs/wire-format.md').matchAll(/^\| `(surehop-[\w-]+)` \|/gm)].map(([, header]) => header);
  const ours = [...Object.values(headerNames), ...Object.values(sequenceHeaders)];
  expect(rows).toEqual(expect.arrayContaining(ours));
  expect(rows.filter((header) => !sources.includes(`'${header}'`))).toEqual([]);
});

test('docs/operations.md shows lines that the code writes', () => {
  const shown = [...read('docs/operations.md').matchAll(/"msg":"([^"]+)"/g)].map(([, message]) => message ?? '');
  const written = ['core', 'publisher', 'consumer'].flatMap(sourcesOf).join('\n');
  expect(shown).not.toEqual([]);
  expect(shown.filter((message) => !written.includes(`'${message}'`))).toEqual([]);
});

test('README.md names every bug of a broker that the code knows', () => {
  const series = ['3.10.0', '3.13.0', '4.0.0', '4.1.0', '4.2.0', '4.3.0'];
  const known = series.flatMap((version) => brokerTraits(version).knownBugs).flatMap((bug) => bug.match(/#\d+/) ?? []);
  expect(known.filter((issue) => !read('README.md').includes(issue))).toEqual([]);
});

describe.each([
  {
    of: 'connect()',
    source: 'packages/core/src/options.ts',
    type: 'ConnectOptions',
    readme: 'packages/core/README.md',
    defaults: { ...resolveConnectOptions({ url: 'amqp://localhost' }), url: undefined },
    /** Those that a person does not set. */
    without: ['driver', 'effects'],
  },
  {
    of: 'createPublisher()',
    source: 'packages/publisher/src/publisher-options.ts',
    type: 'PublisherOptions',
    readme: 'packages/publisher/README.md',
    defaults: resolvePublisherOptions({}),
    without: [],
  },
  {
    of: 'createConsumer()',
    source: 'packages/consumer/src/consumer-options.ts',
    type: 'ConsumerOptions<Out = unknown>',
    readme: 'packages/consumer/README.md',
    defaults: { ...resolveConsumerOptions({}, false), prefetch: 'concurrency', afterDeadLetter: 'continue' },
    without: [],
  },
  {
    of: 'resequence',
    source: 'packages/consumer/src/resequencing/resequence-options.ts',
    type: 'ResequenceOptions',
    readme: 'docs/resequencing.md',
    defaults: resolveResequenceOptions({}),
    without: [],
  },
  {
    of: 'createStreamReader()',
    source: 'packages/consumer/src/stream/reader-options.ts',
    type: 'StreamReaderOptions',
    readme: 'docs/streams.md',
    defaults: resolveReaderOptions({}),
    without: [],
  },
  {
    of: 'createSpoolingPublisher()',
    source: 'packages/outbox/src/spool/spool-options.ts',
    type: 'SpoolOptions',
    readme: 'docs/spool.md',
    defaults: { ...resolveSpoolOptions({ file: 'spool' }), file: undefined },
    without: [],
  },
  {
    of: 'createRelay()',
    source: 'packages/outbox/src/relay/relay-options.ts',
    type: 'RelayOptions',
    readme: 'packages/outbox/README.md',
    defaults: resolveRelayOptions({}),
    without: [],
  },
  {
    of: 'postgresOutbox()',
    source: 'packages/outbox/src/postgres/postgres-outbox-options.ts',
    type: 'PostgresOutboxOptions',
    readme: 'packages/outbox/README.md',
    defaults: resolvePostgresOutboxOptions({}),
    without: [],
  },
  {
    of: 'createInbox()',
    source: 'packages/outbox/src/inbox/inbox-options.ts',
    type: 'InboxOptions',
    readme: 'packages/outbox/README.md',
    // In its README, the first row of this name is the outbox's.
    defaults: resolveInboxOptions({}),
    without: ['retentionMs'],
  },
  {
    of: 'openDeadLetters()',
    source: 'packages/dead-letters/src/dead-letters.ts',
    type: 'DeadLettersOptions',
    readme: 'packages/dead-letters/README.md',
    defaults: { by: 'required', audit: 'required', acceptsDeliveryCount: false },
    without: [],
  },
  {
    of: 'browse() and groups()',
    source: 'packages/dead-letters/src/browsing-options.ts',
    type: 'BrowseOptions',
    readme: 'packages/dead-letters/README.md',
    defaults: { selection: 'all', limit: mostHeld },
    without: [],
  },
])('$readme', ({ of, source, type, readme, defaults, without }) => {
  const options = membersOf(read(source), type).filter((option) => !without.some((name) => name === option));

  test(`has a row for each option of ${of}, with its default`, () => {
    const values: Readonly<Record<string, unknown>> = { ...defaults };
    const wrong = options.filter((option) => !tells(defaultOf(read(readme), `\`${option}\``), values[option]));
    expect(options).not.toEqual([]);
    expect(wrong).toEqual([]);
  });
});

const sources = [
  'packages/core/src/failure-record.ts',
  'packages/core/src/failure-headers.ts',
  'packages/core/src/sequence-stamp.ts',
  'packages/core/src/answer.ts',
  'packages/core/src/delay-network.ts',
  'packages/consumer/src/copy-message.ts',
  'packages/dead-letters/src/replay-headers.ts',
]
  .map(read)
  .join('\n');

function sourcesOf(member: string): string[] {
  const folder = `packages/${member}/src/`;
  return readdirSync(new URL(`../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(`${folder}${file}`));
}

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
}

function sectionsOf(text: string): { readonly heading: string; readonly text: string }[] {
  const [, ...sections] = text.split(/^## /m);
  return sections.map((section) => ({ heading: section.split('\n', 1)[0] ?? '', text: section }));
}

/** The row of a Markdown table that begins with this cell; empty where there is none. */
function rowOf(text: string, cell: string): string {
  return text.split('\n').find((line) => line.startsWith(`| ${cell} |`)) ?? '';
}

/** What the row says in the column `default` of its table; undefined where there is none. */
function defaultOf(text: string, cell: string): string | undefined {
  const lines = text.split('\n');
  const row = lines.indexOf(rowOf(text, cell));
  if (row < 0) return undefined;
  const header = lines.slice(0, row).findLast((_, index) => lines[index + 1]?.startsWith('| ---')) ?? '';
  return cellsOf(lines[row] ?? '')[cellsOf(header).indexOf('default')];
}

function cellsOf(row: string): string[] {
  return row.split(/(?<!\\)\|/).map((cell) => cell.trim());
}

/** `x-queue-type: quorum` and the like, as a row has them. */
function argumentsIn(row: string): string[] {
  return [...row.matchAll(/`((?:x-|alternate-)[\w-]+: [^`]+)`/g)].map(([, argument]) => argument ?? '').sort();
}

/** The names of an interface's members. */
function membersOf(source: string, type: string): string[] {
  const body = source.split(`export interface ${type} {\n`)[1]?.split('\n}\n')[0] ?? '';
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, name]) => name ?? '');
}

/** Whether a cell tells this default: a number in any grouping, or in MiB; a word; anything where there is none. */
function tells(cell: string | undefined, value: unknown): boolean {
  if (cell === undefined || cell === '') return false;
  if (typeof value !== 'number') return typeof value !== 'string' || cell.includes(value);
  const mebibytes = value / (1_024 * 1_024);
  const words = cell.replaceAll(/(?<=\d)[,_](?=\d)/g, '').split(/[^\w.]+/);
  return words.includes(String(value)) || (Number.isInteger(mebibytes) && cell.includes(`${mebibytes} MiB`));
}
