import type { Logger } from '@surehop/publisher';

/** The SDK's log as JSON lines on standard error, or nothing: the demo shows the same in its own way. Services pass a pino instance. */
export function sdkLog(processName: string, verbose: boolean): Logger {
  const at =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      if (verbose) process.stderr.write(`${JSON.stringify({ level, process: processName, ...fields, message })}\n`);
    };
  return { trace: () => {}, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
