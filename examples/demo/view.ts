import { PlainView } from './plain-view.ts';
import type { View } from './progress.ts';
import { TerminalView } from './terminal-view.ts';

/** Live where there is a terminal, lines elsewhere. */
export function viewFor(output: NodeJS.WriteStream): View {
  const isTerminal = output.isTTY && process.env.TERM !== 'dumb' && process.env.CI === undefined;
  return isTerminal ? new TerminalView(output, process.env.NO_COLOR === undefined) : new PlainView(output);
}
