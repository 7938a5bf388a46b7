import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));
const ignored = new Set(['node_modules', 'dist', '.git', 'coverage']);

describe.each(pagesIn(root).map((path) => relative(root, path)))('%s', (page) => {
  const text = withoutCode(readFileSync(join(root, page), 'utf8'));

  test('leads nowhere that does not exist', () => {
    const dead = linksIn(text).filter((link) => !leadsSomewhere(page, link));
    expect(dead).toEqual([]);
  });

  test('has one title and no level left out', () => {
    const levels = [...text.matchAll(/^(#+) /gm)].map(([, marks = '']) => marks.length);
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    expect(levels.filter((level, index) => level > (levels[index - 1] ?? 0) + 1)).toEqual([]);
  });
});

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // A changeset is no page: it has no title.
    if (entry.isDirectory()) return ignored.has(entry.name) || entry.name === '.changeset' ? [] : pagesIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

function withoutCode(text: string): string {
  return text
    .replaceAll(/^ *```[\s\S]*?^ *```$/gm, '')
    .replaceAll(/`[^`\n]+`/g, (code) => code.replaceAll(/[[\]()]/g, ''));
}

/** Targets of `[text](target)`, of images, and of `[reference]: target`, those on the web left out. */
function linksIn(text: string): string[] {
  const inline = [...text.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].map(([, target]) => target ?? '');
  const references = [...text.matchAll(/^\[[^\]]+\]: (\S+)$/gm)].map(([, target]) => target ?? '');
  return [...inline, ...references].filter((target) => !/^(?:https?:|mailto:)/.test(target));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#', 2);
  const target = path === '' ? join(root, page) : join(root, dirname(page), decodeURIComponent(path));
  if (!existsSync(target)) return false;
  if (anchor === undefined || !statSync(target).isFile()) return anchor === undefined;
  return anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  const headings = [...text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, heading = '']) =>
    heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}
