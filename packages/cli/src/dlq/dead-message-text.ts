import { tableToPlain } from '@surehop/core/internal';
import type { DeadMessage, Failure } from '@surehop/dead-letters';
import { textOf } from '../exact-json.ts';
import { bodyJson } from '../message-json.ts';
import { indented, manyLines, moment, oneLine } from '../printable.ts';
import { number } from '../progress.ts';
import type { Paint } from '../terminal.ts';

/** The longest body that is shown, in characters. */
const longestBody = 20_000;
/** Told above, or below in a section of their own. */
const toldElsewhere = /^(?:surehop-|x-death$|x-first-death-|x-last-death-)/;

/** `TypeError: no such thing (E_THING)`, or the reason where no error is known. */
export function errorText({ error, reason }: Pick<Failure, 'error' | 'reason'>): string {
  const [message = ''] = (error?.message ?? '').split('\n');
  const parts = [error?.name, message].filter((part) => part !== undefined && part !== '');
  const code = error?.code === undefined ? '' : ` (${error.code})`;
  return parts.length === 0 ? (reason ?? '-') : `${parts.join(': ')}${code}`;
}

/** Everything about one dead letter, for a person. */
export function deadMessageText(message: DeadMessage, paint: Paint): string {
  const { failure, headers, properties } = message;
  const heading = (text: string): string => paint('bold', text);
  const others = Object.entries(tableToPlain(headers)).filter(([name]) => !toldElsewhere.test(name));
  const sections = [
    fields(message)
      .map(([name, value]) => `${heading(name.padEnd(16))}${oneLine(value)}`)
      .join('\n'),
    section(heading, 'Error', longMessage(failure)),
    section(
      heading,
      `Body, ${number(message.content.length)} bytes${typeText(properties.contentType)}`,
      bodyText(message),
    ),
    section(heading, 'Headers', others.map(([name, value]) => `${name}: ${valueText(value)}`).join('\n')),
    section(heading, 'History, latest first', historyText(failure)),
    section(heading, 'Stack', longStack(failure)),
    section(
      heading,
      'x-death',
      'x-death' in headers ? JSON.stringify(tableToPlain(headers)['x-death'], undefined, 2) : '',
    ),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

/** Where one line above did not tell all of it. */
function longMessage({ error }: Failure): string {
  return error?.message?.trim().includes('\n') === true ? error.message : '';
}

/** Where it says more than the error's name and message. */
function longStack({ error }: Failure): string {
  const stack = error?.stack ?? '';
  return stack === `${error?.name}: ${error?.message}` ? '' : stack;
}

function fields({ id, queue, failure, properties }: DeadMessage): [name: string, value: string][] {
  const { exchange, routingKey, firstFailedAt, failedAt, replayed } = failure;
  const origin = exchange === '' ? `queue ${routingKey}` : `exchange ${exchange}, key ${JSON.stringify(routingKey)}`;
  const known: [name: string, value: string | undefined][] = [
    ['id', id],
    ['lies in', queue],
    ['failed in', failure.queue],
    ['published to', exchange === undefined ? undefined : origin],
    ['reason', failure.reason],
    ['error', failure.error === undefined ? undefined : errorText(failure)],
    ['attempts', String(failure.attempts)],
    ['failed at', failedAt === undefined ? undefined : moment(failedAt)],
    ['first failed at', firstFailedAt === undefined ? undefined : moment(firstFailedAt)],
    ['replayed', replayed.count === 0 ? undefined : replayedText(replayed)],
    ['written by', failure.source === 'surehop' ? undefined : failure.source],
    ['type', properties.type],
    ['correlation id', properties.correlationId],
  ];
  return known.filter((field): field is [string, string] => field[1] !== undefined && field[1] !== '');
}

function replayedText({ count, at, by }: Failure['replayed']): string {
  const when = at === undefined ? '' : `, last at ${moment(at)}`;
  return `${count === 1 ? 'once' : `${count} times`}${when}${by === undefined ? '' : ` by ${by}`}`;
}

function historyText({ history }: Failure): string {
  return history
    .toReversed()
    .map(
      ({ at, name, message, consumer }) => `${moment(Date.parse(at))}  ${oneLine(`${name}: ${message} [${consumer}]`)}`,
    )
    .join('\n');
}

function bodyText({ content, properties }: DeadMessage): string {
  const decoded = bodyJson(content, properties.contentType);
  if ('body' in decoded) return cut(JSON.stringify(decoded.body, undefined, 2));
  const text = textOf(content);
  return cut(text !== undefined && !text.includes('\0') ? text : `base64: ${decoded.bodyBase64}`);
}

function cut(text: string): string {
  return text.length <= longestBody ? text : `${text.slice(0, longestBody)}… (cut; --json has all of it)`;
}

function typeText(contentType: string | undefined): string {
  return contentType === undefined ? '' : ` of ${oneLine(contentType)}`;
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function section(heading: (text: string) => string, title: string, text: string | undefined): string {
  return text === undefined || text === '' ? '' : `${heading(title)}\n${indented(manyLines(text))}`;
}
