import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * The folder to put on PATH for a release, and how to leave it. A release's programs may be links; a copy that knows no
 * links has made them text files that hold the way to the program. Those become links again, in a temporary folder of
 * the release's name.
 */
export function enterRelease(folder, name) {
  const texts = readdirSync(folder).filter((file) => targetOf(folder, file) !== undefined);
  if (texts.length === 0) return { folder, leave() {} };
  const temporary = mkdtempSync(join(tmpdir(), 'surehop-release-'));
  mkdirSync(join(temporary, name));
  for (const file of texts) symlinkSync(targetOf(folder, file), join(temporary, name, file));
  return { folder: join(temporary, name), leave: () => rmSync(temporary, { recursive: true }) };
}

/** Where a text file that was a link leads; undefined for everything else. */
function targetOf(folder, file) {
  const path = join(folder, file);
  const { mode, size } = statSync(path);
  if ((mode & 0o111) !== 0 || size === 0 || size > 200) return undefined;
  const target = resolve(folder, readFileSync(path, 'utf8').trim());
  return existsSync(target) && (statSync(target).mode & 0o111) !== 0 ? target : undefined;
}
