/** What is looked at, in the order of the report. */
export const checks = [
  'connection',
  'management API',
  'broker version',
  'alarms',
  'permissions',
  'contracts',
  'policies',
  'ways of messages',
  'delay queues',
  'consumers',
  'members',
  'sizes',
  'dead letters',
  'clock',
] as const;

export type Check = (typeof checks)[number];

export type Severity = 'error' | 'warning' | 'note';

/** Something that is not as it should be, or that is good to know (`note`). */
export interface Finding {
  /** `error`: messages are lost, stuck or refused, now or at the next failure. `warning`: they may be. */
  readonly severity: Severity;
  readonly check: Check;
  readonly what: string;
  /** For messages. */
  readonly means: string;
  readonly todo: string;
}

/** A check that could not be made. */
export interface Skipped {
  readonly check: Check;
  readonly why: string;
}
