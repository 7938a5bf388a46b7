import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { addDiscard } from './discard-command.ts';
import { addExport } from './export-command.ts';
import { addGroups } from './groups-command.ts';
import { addImport } from './import-command.ts';
import { addList } from './list-command.ts';
import { addMove } from './move-command.ts';
import { addReplay } from './replay-command.ts';
import { addShow } from './show-command.ts';

/** What is done with dead letters. */
export function addDlqCommands(program: Command, context: Context): void {
  const dlq = program
    .command('dlq')
    .description('look at dead letters, and replay, discard, move, export or import them');
  for (const add of [addList, addGroups, addShow, addReplay, addDiscard, addMove, addExport, addImport])
    add(dlq, context);
}
