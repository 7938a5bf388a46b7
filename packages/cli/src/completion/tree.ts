import type { Command, Option } from 'commander';

/** A command as a shell completes it. */
export interface CommandNode {
  /** The names that lead to it, without the program's own: `dlq/list`; empty for the program. */
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly commands: readonly CommandNode[];
  /** Those of the program included. */
  readonly options: readonly OptionNode[];
  /** Words that its first argument may be. */
  readonly choices: readonly string[];
}

export interface OptionNode {
  /** `--limit`, `-h`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
}

const helpOption: OptionNode = { flags: ['-h', '--help'], description: 'display help for command', takesValue: false };

/** What there is to complete, read from the commands themselves. */
export function treeOf(program: Command): CommandNode {
  const everywhere = program.options.filter(({ long }) => long !== '--version').map(optionNode);
  const version = program.options.filter(({ long }) => long === '--version').map(optionNode);
  const node = (command: Command, path: string): CommandNode => ({
    path,
    name: command.name(),
    description: command.summary() || command.description(),
    commands: command.commands.map((sub) => node(sub, path === '' ? sub.name() : `${path}/${sub.name()}`)),
    options: [
      ...command.options.filter((option) => !program.options.includes(option)).map(optionNode),
      ...everywhere,
      helpOption,
    ],
    choices: command.registeredArguments[0]?.argChoices ?? [],
  });
  const root = node(program, '');
  return { ...root, options: [...version, ...root.options] };
}

/** The node and all below it. */
export function nodesIn(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(nodesIn)];
}

function optionNode({ short, long, description, required, optional }: Option): OptionNode {
  const flags = [short, long].filter((flag) => flag !== undefined);
  return { flags, description, takesValue: required || optional };
}
