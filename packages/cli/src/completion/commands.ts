import { Argument, type Command } from 'commander';
import { action } from '../action.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { written } from '../output.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { type CommandNode, treeOf } from './tree.ts';
import { zshScript } from './zsh.ts';

type Shell = 'bash' | 'zsh' | 'fish';

const scripts: Readonly<Record<Shell, (root: CommandNode) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export function addCompletionCommand(program: Command, context: Context): void {
  program
    .command('completion')
    .summary('print what makes a shell complete this command')
    .description(
      'Prints a script that makes a shell complete commands and options. For bash: `source <(surehop completion bash)`; for zsh, after compinit: `source <(surehop completion zsh)`; for fish: `surehop completion fish > ~/.config/fish/completions/surehop.fish`.',
    )
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(scripts)))
    .action(
      action<object, [Shell]>(context, async (_flags, shell) => {
        await written(context, `${scripts[shell](treeOf(program))}\n`);
        return exitCodes.done;
      }),
    );
}
