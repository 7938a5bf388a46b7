import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ProgramDefinition } from './broker.ts';
import { deleteByCtl, runCtl } from './ctl.ts';

const folder = mkdtempSync(join(tmpdir(), 'surehop-ctl-'));

afterAll(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): ProgramDefinition {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { path, env: { PATH: process.env.PATH ?? '' } };
}

describe('runCtl()', () => {
  const printer = program('printer', `printf '%s\\n' "$@"`);
  /** Hands its arguments on as Debian's script does. */
  const reparsing = program(
    'reparsing',
    `for arg in "$@" ; do
arg=$(sed -e 's/"/\\\\"/g' <<-END
$arg
END
)
CMDLINE="\${CMDLINE} \\"\${arg}\\""
done
exec sh -c "${printer.path} \${CMDLINE}"`,
  );

  test.each(['plain', '^a\\.b$', '$HOME', '`id`', '\\\\', '\\"', '{"a":"b\\"c"}', "it's", 'a b', ''])(
    'gives the argument %j as it is, also through a script that hands it to a shell',
    async (argument) => {
      expect(await runCtl(printer, [argument])).toBe(`--quiet\n${argument}\n`);
      expect(await runCtl({ ...reparsing, reparsesArguments: true }, [argument])).toBe(`--quiet\n${argument}\n`);
    },
  );

  test('tells what the program said when it failed', async () => {
    const failing = program('failing', 'echo no such node >&2; exit 69');
    await expect(runCtl(failing, ['status'])).rejects.toThrow('rabbitmqctl status failed: no such node');
  });
});

test('deleteByCtl() passes over what is not there, and nothing else', async () => {
  const absent = program('absent', 'echo "Virtual host \'v\' does not exist" >&2; exit 65');
  const refused = program('refused', 'echo only root >&2; exit 1');

  await deleteByCtl(absent, 'vhost', 'v');
  await expect(deleteByCtl(refused, 'vhost', 'v')).rejects.toThrow('rabbitmqctl delete_vhost v failed: only root');
});
