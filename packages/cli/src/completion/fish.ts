import { type CommandNode, nodesIn, type OptionNode } from './tree.ts';

/** For `surehop completion fish > ~/.config/fish/completions/surehop.fish`. */
export function fishScript(root: CommandNode): string {
  const nodes = nodesIn(root);
  const steps = nodes
    .filter(({ path }) => path !== '')
    .map(({ path }) => `      case /${path}\n        set at /${path}`);
  return `# fish completion for ${root.name}
function __${root.name}_at
  set -l at ''
  for word in (commandline -opc)[2..]
    switch "$at/$word"
${steps.join('\n')}
    end
  end
  test "$at" = "$argv[1]"
end
${nodes.flatMap((node) => linesOf(root.name, node)).join('\n')}`;
}

function linesOf(program: string, { path, commands, choices, options }: CommandNode): string[] {
  const begin = `complete -c ${program} -n '__${program}_at "${path === '' ? '' : `/${path}`}"'`;
  return [
    ...commands.map(({ name, description }) => `${begin} -f -a ${name} -d ${quoted(description)}`),
    ...choices.map((choice) => `${begin} -f -a ${choice}`),
    ...options.map((option) => `${begin} ${flagsOf(option)} -d ${quoted(option.description)}`),
  ];
}

function flagsOf({ flags, takesValue }: OptionNode): string {
  const given = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...given, ...(takesValue ? ['-r'] : [])].join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
