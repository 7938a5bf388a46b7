import type { Result } from './run.ts';
import type { Scenario } from './scenario.ts';

const generated =
  'Generated from `test/faults/results.jsonl`, which `npm run faults:all` writes; a test holds the two together.';

/** docs/faults.md: what was measured, run by run. */
export function faultsPage(results: readonly Result[]): string {
  const rows = results.map((one) =>
    row([
      one.scenario,
      one.release,
      one.type,
      one.perSecond ?? '',
      one.published,
      one.notStored,
      one.unknown,
      one.deadLettered,
      one.lost,
      one.phantom,
      one.hung,
      one.stuck,
      one.duplicates,
      one.reconnectMs ?? '',
      one.firstPublishedMs ?? '',
      one.firstHandledMs ?? '',
      one.publishPauseMs ?? '',
      one.handlePauseMs ?? '',
      one.peakMemoryMiB,
      one.failures.length === 0 ? 'held' : 'failed',
    ]),
  );
  const heads = [
    'scenario',
    'RabbitMQ',
    'queue',
    'messages a second',
    'published',
    'rejected: not stored',
    'rejected: unknown',
    'dead letters',
    'lost',
    'phantom',
    'hung',
    'stuck',
    'handled again',
    'well again after ms',
    'first published after ms',
    'first handled after ms',
    'longest pause publishing ms',
    'longest pause handling ms',
    'peak MiB',
    '',
  ];
  return page([
    '# Faults, measured',
    '',
    'Each scenario puts a fault into running traffic, of so many messages a second as its row says, and mends it. Where it names no rate, they are published all at once and handled then. Publishers send a message again, under a new id, only when its promise rejected; every message is numbered and followed to its end.',
    '',
    '- `lost`: the promise resolved, and the message was neither handled nor dead-lettered. `phantom`: rejected as not stored, and yet handled. `hung`: settled neither way by its deadline. `stuck`: in a queue with nobody to take it. All four must be 0, and so must be unhandled rejections.',
    '- Times count from the moment at which the fault began to be mended (a broker that is started again: when it opens channels; where a cluster has lost its majority: when its nodes are told to start), until a message is published that was sent after it, and one handled whose handler was called after it. Pauses count while it lasted: where one node of several is lost, clients go on without it. Peak memory is that of the whole process, the test included.',
    '- Repeat it: `npm run faults` on the broker at hand, `npm run faults -- --long NAME` for one, `npm run faults:all` for everything. All rows are of the long form.',
    '',
    generated,
    '',
    row(heads),
    row(heads.map((head) => (head === 'scenario' || head === 'queue' || head === '' ? '---' : '---:'))),
    ...rows,
  ]);
}

/** docs/guarantees.md: what a caller can rely on, situation by situation. */
export function guaranteesPage(results: readonly Result[], scenarios: readonly Scenario[]): string {
  const rows = scenarios.flatMap((scenario) => {
    const ran = results.filter((one) => one.scenario === scenario.name);
    return [...Map.groupBy(ran, promiseOf).values()].map((alike) => guaranteeRow(scenario, alike as [Result]));
  });
  return page([
    '# What is guaranteed, by situation and version',
    '',
    'A promise of `publish` that resolved means: the broker has the message on disk, in a queue, whatever befalls next. It is handled, or it is a dead letter. What a rejection means is in its code; see [errors](errors.md).',
    '',
    'Each row is a scenario that was run; what it measured is in [faults](faults.md). Times count from the moment at which the fault begins to be mended to the first message that is published and handled of what begins after it, or are the longest pause while it lasts, as measured on a small machine with heartbeats of 1 to 10 s.',
    '',
    generated,
    '',
    row(['situation', 'queue', 'RabbitMQ', 'the caller sees', 'is it stored?', 'handled twice', 'back after']),
    row(['---', '---', '---', '---', '---', '---', '---']),
    ...rows,
  ]);
}

function guaranteeRow({ situation, duplicates }: Scenario, alike: readonly [Result, ...Result[]]): string {
  const releases = [...new Set(alike.map(({ release }) => release))];
  return row([
    situation,
    [...new Set(alike.map(({ type }) => type))].join(', '),
    releases.join(', '),
    seenBy(alike[0]),
    storedBy(alike[0]),
    duplicates === 'none' ? 'no' : 'possible',
    releases.flatMap((release) => recoveryOf(alike, release)).join(', '),
  ]);
}

/** What makes two runs the same to a caller. */
function promiseOf(result: Result): string {
  return JSON.stringify([Object.keys(result.codes), result.resolved > 0]);
}

function seenBy({ codes, resolved }: Result): string {
  const told = Object.keys(codes).map((code) => `\`${code}\``);
  if (told.length === 0) return resolved > 0 ? 'every promise resolves' : '';
  return resolved > 0 ? `promises resolve, or reject with ${told.join(', ')}` : told.join(', ');
}

function storedBy({ codes, resolved }: Result): string {
  const parts: string[] = [];
  if (resolved > 0) parts.push('resolved: yes');
  const told = Object.keys(codes);
  if (told.some((code) => code === 'SUREHOP_PUBLISH_UNKNOWN')) parts.push('`SUREHOP_PUBLISH_UNKNOWN`: perhaps');
  if (told.some((code) => code !== 'SUREHOP_PUBLISH_UNKNOWN')) parts.push(parts.length === 0 ? 'no' : 'otherwise: no');
  return parts.join('; ');
}

/** Nothing where nothing of the kind was measured. */
function recoveryOf(alike: readonly Result[], release: string): string[] {
  const times = alike
    .filter((one) => one.release === release)
    .flatMap(({ firstPublishedMs, firstHandledMs, publishPauseMs, handlePauseMs }) => [
      firstPublishedMs,
      firstHandledMs,
      publishPauseMs,
      handlePauseMs,
    ])
    .filter((time) => time !== undefined);
  return times.length === 0 ? [] : [`${duration(Math.max(...times))} on ${release}`];
}

function duration(ms: number): string {
  return ms < 100 ? 'under 0.1 s' : `${(ms / 1_000).toFixed(1)} s`;
}

function row(cells: readonly unknown[]): string {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
