import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DeadMessage, EditedMessage, Selection } from '@surehop/dead-letters';
import { parseExactly } from '../exact-json.ts';
import { failureText } from '../failure.ts';
import { draftOf } from '../publish/message-line.ts';
import { UsageError } from '../usage-error.ts';

export type Edit = (message: DeadMessage) => EditedMessage | undefined;

/** What `dlq show --json` tells besides what can be edited. */
const toldByShow = ['id', 'failure'];

/**
 * How messages are edited: by the function that a module exports by default, or, of one message, by a JSON file that says
 * its new body, headers or properties, as `dlq show --json` prints them.
 *
 * @throws {UsageError}
 */
export async function loadEdit(path: string, selection: Selection): Promise<Edit> {
  if (/\.[cm]?[jt]s$/.test(path)) return await editOfModule(path);
  const isOne = selection !== 'all' && 'ids' in selection && selection.ids.length === 1;
  if (!isOne) throw new UsageError('a JSON file edits one message: select it with one --id; a module edits many');
  const edited = await editionIn(path);
  return () => edited;
}

async function editOfModule(path: string): Promise<Edit> {
  let loaded: { readonly default?: unknown };
  try {
    loaded = (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown };
  } catch (cause) {
    throw new UsageError(`${path} could not be loaded: ${failureText(cause)}`, { cause });
  }
  if (typeof loaded.default !== 'function') throw new UsageError(`${path} must export a function by default`);
  return loaded.default as Edit;
}

async function editionIn(path: string): Promise<EditedMessage> {
  try {
    const { messageId, ...given } = parseExactly(await readFile(path, 'utf8')) as Record<string, unknown>;
    const known = Object.fromEntries(Object.entries(given).filter(([key]) => !toldByShow.includes(key)));
    const hasBody = 'body' in known || 'bodyBase64' in known;
    const { content, properties } = draftOf(
      Buffer.from(JSON.stringify(hasBody ? known : { ...known, body: null })),
      undefined,
    );
    const { headers, messageId: _old, ...others } = properties;
    return {
      ...(hasBody ? { content } : {}),
      ...('headers' in known ? { headers } : {}),
      ...('properties' in known ? { properties: others } : {}),
    } as EditedMessage;
  } catch (cause) {
    throw new UsageError(`${path} says no message: ${(cause as Error).message}`, { cause });
  }
}
