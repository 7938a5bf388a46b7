/** The headers that replays, edits and passes set. All are optional for a reader. */
export const replayHeaders = {
  at: 'surehop-replayed-at',
  by: 'surehop-replayed-by',
  count: 'surehop-replayed-count',
  replacedId: 'surehop-replaced-id',
  pass: 'surehop-pass',
} as const;
