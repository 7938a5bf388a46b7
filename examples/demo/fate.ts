import { createHash } from 'node:crypto';

/** What the world does to one event, whoever handles it and however often. */
export type Fate =
  | { readonly kind: 'fine' }
  /** The first `failures` attempts fail, the next one succeeds. */
  | { readonly kind: 'flaky'; readonly failures: number }
  /** Every attempt fails, for a reason that might have passed. */
  | { readonly kind: 'broken' }
  /** Cannot succeed, and the handler can tell. */
  | { readonly kind: 'declined' };

/** Of 1,000 events. The rest are fine. */
const perMille = { declined: 6, broken: 6, flaky: 90 } as const;

/** Pure: the same event and seed give the same fate in every process. */
export function fateOf(content: Uint8Array, seed: number): Fate {
  const hash = createHash('sha256').update(`${seed}\n`).update(content).digest();
  const roll = hash.readUInt32BE(0) % 1_000;
  if (roll < perMille.declined) return { kind: 'declined' };
  if (roll < perMille.declined + perMille.broken) return { kind: 'broken' };
  if (roll < perMille.declined + perMille.broken + perMille.flaky) {
    return { kind: 'flaky', failures: 1 + (hash.readUInt32BE(4) % 3) };
  }
  return { kind: 'fine' };
}
