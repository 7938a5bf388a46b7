import type { Command } from 'commander';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';

/** The options that every command has. */
export interface GlobalFlags {
  readonly url?: string;
  readonly managementUrl?: string;
  readonly json?: boolean;
  readonly ndjson?: boolean;
}

/**
 * Makes of a function what commander calls: its first argument are the options, the global ones included, then come the
 * arguments of the command. What it resolves with is what the program exits with.
 */
export function action<Flags, Args extends readonly unknown[] = readonly string[]>(
  context: Context,
  run: (flags: Flags & GlobalFlags, ...args: Args) => Promise<ExitCode>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command;
    const flags = command.optsWithGlobals<Flags & GlobalFlags & Record<string, unknown>>();
    context.outcome.exitCode = await run(flags, ...(given.slice(0, -2) as unknown as Args));
  };
}
