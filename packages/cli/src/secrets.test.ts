import { expect, test } from 'vitest';
import { Secrets } from './secrets.ts';

test('hides the passwords of the URLs that were given, in both spellings, and of any other URL', () => {
  const secrets = new Secrets();
  secrets.noteUrl('amqp://ada:p%40ssword@host');
  expect(secrets.redacted('login p@ssword and p%40ssword')).toBe('login *** and ***');
  expect(secrets.redacted('to https://bob:x@api:15672/ and amqp://ada@host')).toBe(
    'to https://bob:***@api:15672/ and amqp://ada@host',
  );
});

test('a password that is everybody’s, or a word, hides nothing else', () => {
  const secrets = new Secrets();
  secrets.noteUrl('amqp://guest:guest@localhost');
  secrets.noteUrl('amqp://ada:abc@localhost');
  expect(secrets.redacted('guest abc')).toBe('guest abc');
});
