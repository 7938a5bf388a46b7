import { type CommandNode, nodesIn } from './tree.ts';

/** For a file `_surehop` in a folder of `$fpath`, or `source <(surehop completion zsh)` after `compinit`. */
export function zshScript(root: CommandNode): string {
  const nodes = nodesIn(root);
  const steps = nodes.filter(({ path }) => path !== '').map(({ path }) => `      /${path}) at=/${path} ;;`);
  return `#compdef ${root.name}
_${root.name}() {
  local at='' word
  local -a names flags
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -- ]] && { _normal; return }
    case "$at/$word" in
${steps.join('\n')}
    esac
  done
  case "$at" in
${nodes.map(caseOf).join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then _describe -t options option flags
  elif (( \${#names} )); then _describe -t commands command names
  else _files; fi
}
compdef _${root.name} ${root.name}`;
}

function caseOf({ path, commands, choices, options }: CommandNode): string {
  const names = [...commands.map(({ name, description }) => described(name, description)), ...choices.map(quoted)];
  const flags = options.flatMap((option) => option.flags.map((flag) => described(flag, option.description)));
  return `    ${path === '' ? "''" : `/${path}`})
      names=(${names.join(' ')})
      flags=(${flags.join(' ')}) ;;`;
}

function described(name: string, description: string): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${description.replaceAll(/[\\:]/g, '\\$&')}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
