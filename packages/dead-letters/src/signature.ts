import { createHash } from 'node:crypto';
import type { DeadMessage } from './dead-message.ts';

/** What messages of one group have in common. */
export interface Signature {
  /** Twelve digits of a hash over the rest: the same on every machine. For `{ group: key }`. */
  readonly key: string;
  /** Where they failed. */
  readonly queue: string | undefined;
  /** The error's name and code, and its message with everything masked that differs from case to case. */
  readonly name: string | undefined;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly reason: string | undefined;
}

export function signatureOf({ failure }: DeadMessage): Signature {
  const { queue, reason, error } = failure;
  const message = error?.message === undefined ? undefined : maskedText(error.message);
  const parts = { queue, name: error?.name, code: error?.code, message, reason };
  const text = JSON.stringify(Object.values(parts).map((part) => part ?? null));
  return { key: createHash('sha256').update(text).digest('hex').slice(0, 12), ...parts };
}

/** Read of a message, and kept of it once it is masked, in UTF-16 units. */
const longestRead = 4_096;
const longestKept = 300;

/** The whole of what may differ from case to case is one sign, so that an id of digits alone is no other case. */
const mask = '#';

/** In this order: what holds digits itself goes before the digits. */
const varying: readonly RegExp[] = [
  // Moments, ISO 8601 and the like.
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,:]\d{1,9})?)?)?(?: ?(?:Z\b|[+-]\d\d:?\d\d\b))?/g,
  // Mail addresses.
  /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g,
  // UUIDs.
  /(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])/gi,
  // IPv6 addresses: at least three colons, or two in a row, and hexadecimal digits only.
  /(?<![\w:])(?:[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}|::[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})(?![\w:])/gi,
  // Quoted values. A quoted name, such as that of a property or a type, is the same bug each time, and stays.
  /(?<!\w)'(?![A-Za-z_$][\w$.]*')[^'\n]{1,200}'(?!\w)/g,
  /"(?![A-Za-z_$][\w$.]*")[^"\n]{1,200}"/g,
  /`(?![A-Za-z_$][\w$.]*`)[^`\n]{1,200}`/g,
  // Hexadecimal numbers, and what mixes letters and digits as only an id does: digits at two places or more.
  /\b0x[0-9a-f]+\b/gi,
  /(?<![0-9a-z])(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,64}(?![0-9a-z])/gi,
  /(?<![0-9A-Za-z])(?=[A-Za-z]*[0-9]+[A-Za-z]+[0-9])[0-9A-Za-z]{8,64}(?![0-9A-Za-z])/g,
  // Numbers, with their sign, point and grouping, IPv4 addresses among them. The status of an answer says what failed.
  /(?<!(?:status|status code|http)[ :=]{1,2})(?<![\d.,])(?:(?<![\w)\]])[-+])?\d+(?:[.,:]\d+)*/gi,
];

/** A message with `#` for what differs from case to case: `order # not found`. */
export function maskedText(message: string): string {
  let text = message.slice(0, longestRead);
  for (const pattern of varying) text = text.replaceAll(pattern, mask);
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, longestKept);
}
