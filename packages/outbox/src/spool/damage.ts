/** What was found damaged in a spool's file, and what became of it. */
export interface Damage {
  readonly what: string;
  /** The file as it was found, set aside for whoever wants to look at it. Its log is beside it, with `-wal` in the end. */
  readonly setAside: string;
  /** Messages that could be read, and are in the spool as before. */
  readonly kept: number;
  /** Ids of messages that were stored and cannot be read any more, as far as their ids can. At most 1_000. */
  readonly lost: readonly string[];
  /** Undefined where it cannot be told. */
  readonly lostCount: number | undefined;
}
