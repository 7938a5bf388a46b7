import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProgramDefinition } from './broker.ts';
import { BrokerError } from './errors.ts';

const run = promisify(execFile);

/** Runs `rabbitmqctl` and resolves to its standard output. @throws {BrokerError} it failed, or ran for over 60 s */
export async function runCtl(program: ProgramDefinition, args: readonly string[]): Promise<string> {
  const given = program.reparsesArguments ? args.map(escapedForShell) : args;
  try {
    const { stdout } = await run(program.path, ['--quiet', ...given], {
      env: program.env,
      timeout: 60_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (cause) {
    const { stderr, stdout } = cause as { stderr?: string; stdout?: string };
    throw ctlError(args, `${stderr ?? ''}${stdout ?? ''}`.trim() || String(cause));
  }
}

/** The rows of one of its lists. @throws {BrokerError} as `runCtl` */
export async function listByCtl<Row>(program: ProgramDefinition, command: readonly string[]): Promise<Row[]> {
  return JSON.parse(await runCtl(program, [...command, '--formatter', 'json'])) as Row[];
}

/** Nothing happens when there is none. @throws {BrokerError} as `runCtl` */
export async function deleteByCtl(program: ProgramDefinition, kind: 'vhost' | 'user', name: string): Promise<void> {
  try {
    await runCtl(program, [`delete_${kind}`, name]);
  } catch (error) {
    if (!/does not exist/i.test(String(error))) throw error;
  }
}

/** Deletes the virtual hosts and users whose names begin so. @throws {BrokerError} as `runCtl` */
export async function deletePrefixedByCtl(program: ProgramDefinition, prefix: string): Promise<void> {
  const [vhosts, users] = await Promise.all([
    listByCtl<{ name: string }>(program, ['list_vhosts', 'name']),
    listByCtl<{ user: string }>(program, ['list_users']),
  ]);
  const vhostNames = vhosts.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  const userNames = users.map(({ user }) => user).filter((user) => user.startsWith(prefix));
  for (const name of vhostNames) await deleteByCtl(program, 'vhost', name);
  for (const name of userNames) await deleteByCtl(program, 'user', name);
}

/** As it must be for a script that escapes `"` itself before it puts the argument between double quotes. */
function escapedForShell(argument: string): string {
  return argument.replaceAll(/[\\$`]/g, '\\$&');
}

/** @param said what it wrote; after a mistake in the command that is pages of help, of which the beginning is told */
export function ctlError(args: readonly string[], said: string): BrokerError {
  const lines = said.trim().split('\n').slice(0, 8);
  return new BrokerError(`rabbitmqctl ${args.join(' ')} failed: ${lines.join('\n')}`);
}
