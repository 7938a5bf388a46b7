import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type AuditLog, openAuditFile } from '@surehop/dead-letters';
import type { Command } from 'commander';
import type { Environment } from '../terminal.ts';

export interface AuditFlags {
  readonly audit?: string;
  readonly by?: string;
}

export function withAudit(command: Command): Command {
  return command
    .option('--audit <file>', 'audit log (default: $XDG_STATE_HOME/surehop/audit.ndjson, else below ~/.local/state)')
    .option('--by <name>', 'who acts, for the audit log (default: the user of this machine)');
}

/** Where the audit log is. */
export function auditPath({ audit }: AuditFlags, env: Environment): string {
  if (audit !== undefined) return audit;
  const { XDG_STATE_HOME: state = '', HOME: home = homedir() } = env;
  // The specification of these folders says that a relative path is to be ignored.
  const base = state.startsWith('/') ? state : join(home, '.local', 'state');
  return join(base, 'surehop', 'audit.ndjson');
}

/** @throws {SurehopError} SUREHOP_FILE_UNUSABLE */
export async function openAudit(flags: AuditFlags, env: Environment): Promise<AuditLog & AsyncDisposable> {
  const path = auditPath(flags, env);
  if (flags.audit === undefined) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return await openAuditFile(path);
}
