import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Damage } from '@surehop/outbox';
import { onTestFinished } from 'vitest';
import { openFile } from '../../packages/outbox/src/spool/open-file.ts';
import { unpack } from '../../packages/outbox/src/spool/packing.ts';

/** A folder that is gone when the test is over. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'surehop-spool-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Copies a spool's file and log, as they are now. */
export function copySpool(from: string, to: string): string {
  for (const suffix of ['', '-wal']) {
    rmSync(to + suffix, { force: true });
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix);
  }
  return to;
}

export interface Contents {
  /** Of the unsent, in order. */
  readonly ids: string[];
  readonly bodies: string[];
  readonly setAside: string[];
  readonly damage: Damage | undefined;
}

/** Opens a spool's file as the next process would, and tells what is in it. */
export function contentsOf(file: string): Contents {
  const { database, damage } = openFile(file, false, 1);
  try {
    const messages = unpack(database.read({ from: 1, to: 2 ** 40, limit: 1_000_000, maxBytes: 2 ** 40 }));
    return {
      ids: messages.map(({ row }) => row.id),
      bodies: messages.map(({ content }) => JSON.parse(Buffer.from(content).toString()) as string),
      setAside: database.list({ after: 0, limit: 1_000_000 }).map(({ id }) => id),
      damage,
    };
  } finally {
    database.close();
  }
}

export function numbered(count: number, prefix = 'm'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index + 1}`);
}
