/** What the consumer process tells, one JSON object a line on its standard output. */
export type ConsumerRecord =
  | { readonly type: 'ready' }
  | { readonly type: 'connection'; readonly phase: string }
  /** The attempt failed. */
  | { readonly type: 'failed'; readonly id: string; readonly attempt: number }
  /** The work is done: written before the message is acknowledged, so that a kill in between makes a duplicate, not a loss. */
  | { readonly type: 'handled'; readonly id: string; readonly attempt: number };

/** Undefined for a line that a kill has cut short. */
export function parseRecord(line: string): ConsumerRecord | undefined {
  try {
    return JSON.parse(line) as ConsumerRecord;
  } catch {
    return undefined;
  }
}
