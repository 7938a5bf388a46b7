import { type CommandNode, nodesIn } from './tree.ts';

/** For `source <(surehop completion bash)`. */
export function bashScript(root: CommandNode): string {
  const nodes = nodesIn(root);
  const valued = [
    ...new Set(
      nodes.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).flatMap(({ flags }) => flags)),
    ),
  ];
  const steps = nodes.filter(({ path }) => path !== '').map(({ path }) => `      /${path}) path=/${path} ;;`);
  const words = nodes.map(
    (node) => `    ${node.path === '' ? "''" : `/${node.path}`}) words='${wordsOf(node).join(' ')}' ;;`,
  );
  return `# bash completion for ${root.name}
_${root.name}() {
  local path='' words='' word index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    [[ $word == -- ]] && return
    case "$path/$word" in
${steps.join('\n')}
    esac
  done
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
    ${valued.join('|')}) return ;;
  esac
  case "$path" in
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${root.name} ${root.name}`;
}

function wordsOf({ commands, choices, options }: CommandNode): string[] {
  return [...commands.map(({ name }) => name), ...choices, ...options.flatMap(({ flags }) => flags)];
}
