import { countOf, textOf } from './failure-record.ts';
import type { HeaderTable } from './message.ts';

/** The headers of a message that has a place in a sequence. */
export const sequenceHeaders = {
  number: 'surehop-sequence',
  key: 'surehop-sequence-key',
  run: 'surehop-sequence-run',
} as const;

/** The place of a message in a sequence. */
export interface SequencePoint {
  /** Each key has a sequence of its own. */
  readonly key: string;
  /** 1 for the first, and one more for each that follows. */
  readonly number: number;
  /**
   * Which numbering of the key it is: where numbers begin again at 1, another one. Each is a sequence of its own.
   * @default ''
   */
  readonly run?: string;
}

/** The headers that say so. */
export function stampOf({ key, number, run }: Required<SequencePoint>): HeaderTable {
  return { [sequenceHeaders.number]: number, [sequenceHeaders.key]: key, [sequenceHeaders.run]: run };
}

/** What the headers say, whoever wrote them; undefined where there is no number. */
export function readStamp(headers: HeaderTable): Required<SequencePoint> | undefined {
  const number = countOf(headers[sequenceHeaders.number]);
  if (number === 0) return undefined;
  return { key: textOf(headers[sequenceHeaders.key]) ?? '', number, run: textOf(headers[sequenceHeaders.run]) ?? '' };
}
