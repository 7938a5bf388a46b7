import { type CheckCode, invalid, kindOf } from './option-checks.ts';

/** The exchange through which rungs send back to their queue. */
export function retryExchangeName(queue: string): string {
  return `${queue}.retry`;
}

/** The queue ("rung") in which a failed message waits for `delayMs` milliseconds. */
export function rungName(queue: string, delayMs: number): string {
  return `${queue}.retry.${delayMs}`;
}

/** The exchange and the queue, both of this name, where messages end that failed for good. */
export function deadLetterName(queue: string): string {
  return `${queue}.dead-letter`;
}

/** The queue in which messages wait for an earlier one of their key. */
export function waitingName(queue: string): string {
  return `${queue}.waiting`;
}

/** `existing queue`: one that is only consumed, so that its own name may be any that the broker took. */
export type EntityKind = 'queue' | 'exchange' | 'stream' | 'existing queue';

const longestNameBytes = 255;
const delayPrefix = 'surehop.delay.';
const ownSuffix = /\.retry(\.\d+)?$|\.dead-letter$|\.waiting$/;

/**
 * Refuses a name that the broker would refuse or change, or that could meet one which the SDK derives from another queue's.
 *
 * @param longestSuffix what is appended to the name at the most, for example `.retry.600000`
 * @throws {SurehopError} SUREHOP_CONTRACT_INVALID, of an existing queue SUREHOP_OPTION_INVALID
 */
export function checkEntityName(kind: EntityKind, name: unknown, longestSuffix: string): asserts name is string {
  const code: CheckCode = kind === 'existing queue' ? 'SUREHOP_OPTION_INVALID' : 'SUREHOP_CONTRACT_INVALID';
  if (typeof name !== 'string') invalid(`the name of a ${kind} must be a string, got ${kindOf(name)}`, code);
  if (name === '') invalid(`the name of a ${kind} must not be empty`, code);
  const named = `${kind} ${JSON.stringify(name.slice(0, 300))}`;
  if (/\p{Cc}|\p{Surrogate}/u.test(name)) {
    invalid(`${named}: a name must not contain control characters or half a character; the broker changes them`, code);
  }
  if (name.startsWith('amq.')) invalid(`${named}: names that begin with amq. belong to the broker`, code);
  if (kind !== 'existing queue' && ownSuffix.test(name)) {
    invalid(
      `${named}: a name must not end in .retry, .retry.<number>, .dead-letter or .waiting; these are derived names`,
      code,
    );
  }
  if (kind !== 'existing queue' && name.startsWith(delayPrefix)) {
    invalid(`${named}: names that begin with ${delayPrefix} belong to the delay network`, code);
  }
  const bytes = Buffer.byteLength(name) + Buffer.byteLength(longestSuffix);
  if (bytes <= longestNameBytes) return;
  const derived = longestSuffix === '' ? 'it' : `with ${longestSuffix}, as a derived name has it, it`;
  invalid(
    `${named} is too long: ${derived} takes ${bytes} bytes of UTF-8, the protocol allows ${longestNameBytes}`,
    code,
  );
}
