/** One line of the audit log. Every action writes one when it begins and one when it ends. */
export interface AuditEntry {
  /** The same in both lines of an action: a UUIDv7. */
  readonly run: string;
  readonly event: 'begin' | 'end';
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly by: string;
  /** `browse` and `groups` only where they move messages, with `all`. */
  readonly action: 'replay' | 'edit-and-replay' | 'discard' | 'move' | 'export' | 'import' | 'browse' | 'groups';
  readonly queue: string;
  /** As given: what was selected, with which options. */
  readonly selection: unknown;
  readonly options: Readonly<Record<string, unknown>>;
  /** Of an end only: the report, or the error. */
  readonly result?: unknown;
}

/** Takes the lines of the audit log. An action does not begin before its first line was taken. */
export interface AuditLog {
  write(entry: AuditEntry): Promise<void>;
}
