import { type FaultLine, hasPassed, type Ledger, type Recovery } from './ledger.ts';

/** The ledger for people. */
export function ledgerText(ledger: Ledger): string {
  const lines = [
    '',
    `nemesis: seed ${ledger.seed}, ${ledger.broker}`,
    `  ${ledger.tookS} s, of which ${ledger.loadS} s of load`,
    `  published        ${ledger.published} (${ledger.perSecond}/s)`,
    `  resolved         ${ledger.resolved}`,
    `  not stored       ${ledger.rejected.notStored} rejected so`,
    `  unknown          ${ledger.rejected.unknown} rejected so; by code: ${total(ledger.rejectedByCode)}`,
    `  cut short        ${ledger.cutShort} by the death of their process`,
    `  handled          ${ledger.handled}`,
    `  failed attempts  ${total(ledger.failedAttempts)}`,
    `  dead-lettered    ${total(ledger.deadLettered)}`,
    `  duplicates       ${ledger.duplicates}`,
    `  longest gap      ${seconds(ledger.longestPublishGapMs)} publishing, ${seconds(ledger.longestHandleGapMs)} handling`,
    `  peak memory      ${each(ledger.peakMegabytes, ' MB')}`,
    `  processes        ${each(ledger.starts, ' starts')}`,
    '',
    `  ${'fault'.padEnd(24)}${'times'.padStart(6)}${'publishing again'.padStart(22)}${'handling again'.padStart(22)}   (median, worst)`,
    ...ledger.faults.map(faultText),
    ...ledger.omitted.map(({ name, why }) => `  ${name} left out: ${why}`),
    '',
    ...Object.entries(ledger.violations).flatMap(([name, { count, examples }]) => [
      `  ${spaced(name).padEnd(24)}${String(count).padStart(6)}`,
      ...examples.map((example: string) => `      ${example}`),
    ]),
    '',
    ...ledger.evidence.map((line) => `  ${line}`),
    hasPassed(ledger) ? 'nemesis: passed' : 'nemesis: FAILED',
  ];
  return lines.join('\n');
}

function faultText({ name, count, publish, handle }: FaultLine): string {
  return `  ${name.padEnd(24)}${String(count).padStart(6)}${recovery(publish).padStart(22)}${recovery(handle).padStart(22)}`;
}

function recovery(times: Recovery | undefined): string {
  return times === undefined ? '' : `${seconds(times.medianMs)}, ${seconds(times.worstMs)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function total(counts: Readonly<Record<string, number>>): string {
  const sum = Object.values(counts).reduce((one, other) => one + other, 0);
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? String(sum) : `${sum} (${parts.join(', ')})`;
}

function each(values: Readonly<Record<string, number>>, unit: string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value}${unit}`)
    .join(', ');
}

/** `wronglyDead` for people. */
function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
