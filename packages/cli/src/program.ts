import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCompletionCommand } from './completion/commands.ts';
import { addConsumeCommand } from './consume/commands.ts';
import type { Context } from './context.ts';
import { addDelaysCommand } from './delays/commands.ts';
import { addDlqCommands } from './dlq/commands.ts';
import { addDoctorCommand } from './doctor/commands.ts';
import type { ExitCode } from './exit-codes.ts';
import { reportFailure } from './failure.ts';
import { addPublishCommand } from './publish/commands.ts';
import { addTopCommand } from './top/commands.ts';
import { addTopologyCommands } from './topology/commands.ts';

/** Adds the commands of a folder. */
type AddCommands = (program: Command, context: Context) => void;

/** In the order in which the help shows them. */
const groups: readonly AddCommands[] = [
  addDlqCommands,
  addPublishCommand,
  addConsumeCommand,
  addTopologyCommands,
  addDoctorCommand,
  addDelaysCommand,
  addTopCommand,
  addCompletionCommand,
];

/** All commands. Each group of them has a folder of its own, and one function that adds it here. */
export function createProgram(context: Context): Command {
  const { stdout, stderr, secrets } = context;
  const program = new Command('surehop')
    .description('Dead letters, topology, publishing, consuming and a doctor for RabbitMQ.')
    .version(version())
    .option('--url <url>', 'broker, amqp:// or amqps:// (default: AMQP_URL, else amqp://localhost)')
    .option('--management-url <url>', 'management API, http:// or https:// (default: AMQP_MANAGEMENT_URL)')
    .option('--json', 'print results as one JSON document')
    .option('--ndjson', 'print results as one line of JSON each')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(secrets.redacted(text)),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showSuggestionAfterError()
    .exitOverride();
  for (const add of groups) add(program, context);
  return program;
}

/** Runs one command line. Never rejects; what it resolves with is to be the exit code. */
export async function runProgram(args: readonly string[], context: Context): Promise<ExitCode> {
  try {
    await createProgram(context).parseAsync(args, { from: 'user' });
    return context.outcome.exitCode;
  } catch (thrown) {
    return reportFailure(context, thrown);
  }
}

function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
