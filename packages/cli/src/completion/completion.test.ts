import { spawnSync } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createContext } from '../context.ts';
import { createProgram } from '../program.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { nodesIn, treeOf } from './tree.ts';
import { zshScript } from './zsh.ts';

const terminal = { stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough(), env: {} };
const tree = treeOf(createProgram(createContext(terminal, new AbortController(), 'ada')));

function bash(script: string): string {
  const { stdout, stderr, error } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(error).toBeUndefined();
  return stdout.replace(/\n$/, '');
}

/** What one bash offers where the cursor stands behind the last word of each line. */
function offered(...lines: readonly (readonly string[])[]): string[][] {
  const asked = lines.map((words) => {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    return `COMP_WORDS=(surehop ${quoted}); COMP_CWORD=${words.length}; _surehop; echo "\${COMPREPLY[*]}"`;
  });
  const answers = bash([bashScript(tree), ...asked].join('\n')).split('\n');
  return answers.map((answer) => answer.split(' '));
}

describe('bash', () => {
  test('knows the command once the script is sourced', () => {
    expect(bash(`${bashScript(tree)}\ncomplete -p surehop`)).toBe('complete -o default -F _surehop surehop');
  });

  test('offers commands, options, and the words of an argument', () => {
    const [first, ...others] = offered(
      [''],
      ['topology', 'pl'],
      ['--url', 'amqp://host', 'publish', '--raw', '--fr'],
      ['completion', 'z'],
    );
    expect(first).toEqual(expect.arrayContaining(['publish', 'consume', 'topology', 'completion', '--url']));
    expect(others).toEqual([['plan'], ['--from-line'], ['zsh']]);
  });

  test('leaves values of options, and what comes after --, to files', () => {
    expect(offered(['publish', '--file', ''], ['consume', 'orders', '--', 'publish', ''])).toEqual([[''], ['']]);
  });
});

test('every command has its options in every shell', () => {
  const [bashText, zshText, fishText] = [bashScript(tree), zshScript(tree), fishScript(tree)];
  for (const { path, options } of nodesIn(tree)) {
    expect(options.map(({ flags }) => flags.at(-1))).toContain('--help');
    if (path === '') continue;
    expect(bashText).toContain(`/${path}) words=`);
    expect(zshText).toContain(`/${path})\n      names=`);
    expect(fishText).toContain(`'__surehop_at "/${path}"' -s h -l help`);
  }
});
