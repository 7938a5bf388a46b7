import { describe, expect, test } from 'vitest';
import { dialFailure, mostTelling } from './dial-failure.ts';
import { DriverError } from './driver.ts';
import { SurehopError } from './errors.ts';
import type { Host } from './hosts.ts';
import { parseHosts } from './hosts.ts';

const [host] = parseHosts('amqp://ann:s3cret@rabbit/orders') as [Host];

function withCode(code: string): DriverError {
  return new DriverError('socket', 'failed', { cause: Object.assign(new Error('failed'), { code }) });
}

describe('a failed connect', () => {
  test.each([
    [
      'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused"',
      'SUREHOP_LOGIN_REFUSED',
      true,
    ],
    ['SASL mechanism EXTERNAL is not provided by the server', 'SUREHOP_LOGIN_REFUSED', true],
    ['Expected ConnectionOpenOk; got <ConnectionClose channel:0>', 'SUREHOP_VHOST_REFUSED', true],
    ['Socket closed abruptly during opening handshake', 'SUREHOP_CONNECT_UNREACHABLE', false],
    ['timed out without an answer', 'SUREHOP_CONNECT_TIMEOUT', false],
  ])('"%s" is %s', (message, code, permanent) => {
    expect(dialFailure(new DriverError('socket', message), host)).toMatchObject({ error: { code }, permanent });
  });

  test.each([
    ['ENOTFOUND', 'SUREHOP_HOST_UNRESOLVED', false],
    ['ECONNREFUSED', 'SUREHOP_CONNECT_UNREACHABLE', false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SUREHOP_TLS_UNTRUSTED', true],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'SUREHOP_TLS_UNTRUSTED', true],
    ['CERT_HAS_EXPIRED', 'SUREHOP_TLS_UNTRUSTED', true],
  ])('error code %s is %s', (given, code, permanent) => {
    expect(dialFailure(withCode(given), host)).toMatchObject({ error: { code, retryable: !permanent }, permanent });
  });

  test('keeps its cause and shows no password', () => {
    const cause = withCode('ECONNREFUSED');
    const { error } = dialFailure(cause, host);
    expect(error.cause).toBe(cause);
    expect(error.message).not.toContain('s3cret');
  });

  test('of several hosts, the one that says most is told', () => {
    const failures = ['ENOTFOUND', 'CERT_HAS_EXPIRED', 'ECONNREFUSED'].map((code) => dialFailure(withCode(code), host));
    expect(mostTelling(failures).error.code).toBe('SUREHOP_TLS_UNTRUSTED');
  });

  test('a mistake in the options is told before what any host answers', () => {
    const error = new SurehopError('SUREHOP_OPTION_INVALID', 'no credentials', { retryable: false });
    const failures = [dialFailure(withCode('ECONNREFUSED'), host), { error, permanent: true }];
    expect(mostTelling(failures).error).toBe(error);
  });
});
