import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Management, ManagementError } from './management.ts';
import { UsageError } from './usage-error.ts';

const password = 'a-secret-word';
const login = { username: 'ada', password, vhost: '/' };
const never = new AbortController().signal;

/** Asks once, of a server that answers so. */
async function asked<T>(answer: RequestListener, ask: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const answering =
  (status: number, text: string): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { date: 'Fri, 27 Nov 2026 07:07:53 GMT' }).end(text);

async function failureOf(answer: RequestListener, deadlineMs?: number): Promise<ManagementError> {
  const failure = await asked(answer, (url) =>
    new Management(url, login, never, deadlineMs).get(['queues', '/']).catch((thrown: unknown) => thrown),
  );
  expect(failure).toBeInstanceOf(ManagementError);
  return failure as ManagementError;
}

describe('a request', () => {
  test('has its names escaped, and the login of the broker', async () => {
    const seen: (string | undefined)[] = [];
    const answer: RequestListener = ({ url, headers }, response) => {
      seen.push(url, headers.authorization);
      response.end('[]');
    };
    await asked(answer, (url) => new Management(url, login, never).get(['queues', '/', 'a/b?c'], { columns: 'name' }));
    expect(seen).toEqual(['/api/queues/%2F/a%2Fb%3Fc?columns=name', `Basic ${btoa(`ada:${password}`)}`]);
  });

  test('has the login of its URL where there is one, and stays below its path', async () => {
    const seen: (string | undefined)[] = [];
    const answer: RequestListener = ({ url, headers }, response) => {
      seen.push(url, headers.authorization);
      response.end('[]');
    };
    await asked(answer, (url) =>
      new Management(`${url.replace('//', '//bob:p%40ss@')}/rabbit/`, login, never).get(['overview']),
    );
    expect(seen).toEqual(['/rabbit/api/overview', `Basic ${btoa('bob:p@ss')}`]);
  });

  test("tells the broker's time", async () => {
    const { value, brokerAt } = await asked(answering(200, '{"a":1}'), (url) =>
      new Management(url, login, never).ask(['overview']),
    );
    expect([value, brokerAt]).toEqual([{ a: 1 }, Date.UTC(2026, 10, 27, 7, 7, 53)]);
  });

  test('to delete tells whether there was something', async () => {
    const removed = (status: number): Promise<boolean> =>
      asked(answering(status, ''), (url) => new Management(url, login, never).delete(['queues', '/', 'a']));
    expect([await removed(204), await removed(404)]).toEqual([true, false]);
    await expect(removed(400)).rejects.toThrow(ManagementError);
  });

  test('ends with the program', async () => {
    const controller = new AbortController();
    const reason = new Error('stopped');
    const failure = await asked(
      () => controller.abort(reason),
      (url) => new Management(url, login, controller.signal).get(['overview']).catch((thrown: unknown) => thrown),
    );
    expect(failure).toBe(reason);
  });
});

describe('a refusal says what to do', () => {
  test.each([
    [
      401,
      '{"error":"not_authorised"}',
      /answered 401 for \/queues\/\/: check the login of user "ada", and its tags: "management"/,
    ],
    [403, '', /user "ada" may not do that in virtual host "\/"/],
    [404, '{}', /there is none in virtual host "\/"/],
    [500, '{"reason":"out of memory"}', /answered 500 for .*: out of memory$/],
    [503, '<html>', /answered 503 for \/queues\/\/$/],
    [200, '<html>', /not as the management API does: check --management-url/],
  ])('%i', async (status, text, message) => {
    const failure = await failureOf(answering(status, text));
    expect(failure.message).toMatch(message);
    expect(failure.status).toBe(status);
    expect(JSON.stringify([failure.message, failure.stack, String(failure.cause)])).not.toContain(password);
  });

  test('no answer in time', async () => {
    expect((await failureOf(() => undefined, 200)).message).toMatch(/gave no answer within 0.2 s$/);
  });

  test('nobody there', async () => {
    const management = new Management(`http://x:${password}@127.0.0.1:1`, login, never);
    const failure = (await management.get(['overview']).catch((thrown: unknown) => thrown)) as ManagementError;
    expect(failure.message).toMatch(
      /^the management API at http:\/\/127.0.0.1:1 does not answer.*rabbitmq_management enabled/,
    );
    expect(JSON.stringify([failure.message, failure.stack, String(failure.cause)])).not.toContain(password);
  });

  test.each(['localhost:15672', 'ftp://localhost', 'http://a:%zz@localhost'])('%s is no URL for it', (url) => {
    expect(() => new Management(url, login, never)).toThrow(UsageError);
  });
});
