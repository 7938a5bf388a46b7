import { type ErrorCode, isSurehopError, SurehopError } from './errors.ts';
import type { Host } from './hosts.ts';

/** Why a host could not be connected to, in the SDK's words. */
export interface DialFailure {
  readonly error: SurehopError;
  /** True when trying again cannot help until someone changes something: login, virtual host, certificate. */
  readonly permanent: boolean;
}

/** From the least to the most telling, when several hosts failed differently. */
const byWeight: readonly ErrorCode[] = [
  'SUREHOP_HOST_UNRESOLVED',
  'SUREHOP_CONNECT_UNREACHABLE',
  'SUREHOP_CONNECT_TIMEOUT',
  'SUREHOP_TLS_UNTRUSTED',
  'SUREHOP_VHOST_REFUSED',
  'SUREHOP_LOGIN_REFUSED',
];

const unresolved = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME']);

/** The failures of OpenSSL's verification and Node's own host name check, as `error.code`. */
const untrusted =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|CRL_|ERR_SSL_TLSV\d+_ALERT|ERR_SSL_SSL\/TLS_ALERT)/;

/** Tells what a failed dial means. The broker's reason is only in the text of amqplib's handshake errors. */
export function dialFailure(cause: Error, host: Host): DialFailure {
  if (isSurehopError(cause)) return { error: cause, permanent: !cause.retryable };
  const where = `${host.hostname}:${host.port}`;
  const fail = (code: ErrorCode, message: string, permanent: boolean): DialFailure => ({
    error: new SurehopError(code, message, { retryable: !permanent, cause }),
    permanent,
  });
  const codes = errorCodesOf(cause);
  const text = `${cause.message} ${cause.cause instanceof Error ? cause.cause.message : ''}`;
  if (/ACCESS[-_]REFUSED|SASL mechanism/i.test(text) && !/vhost/i.test(text)) {
    return fail('SUREHOP_LOGIN_REFUSED', `${where} refused the login: check user name, password and mechanism`, true);
  }
  // The broker answers connection.open with a close; amqplib keeps no more of it than this.
  if (/Expected ConnectionOpenOk|NOT_ALLOWED.*vhost|vhost.*not found/i.test(text)) {
    const what = `${where} refused virtual host "${host.vhost}"`;
    return fail(
      'SUREHOP_VHOST_REFUSED',
      `${what}: it does not exist, this user has no permissions in it, or it has as many connections as it may`,
      true,
    );
  }
  if (codes.some((code) => untrusted.test(code))) {
    return fail(
      'SUREHOP_TLS_UNTRUSTED',
      `TLS with ${where} failed (${codes[0]}): check tls.ca, the host name and the client certificate`,
      true,
    );
  }
  if (codes.some((code) => unresolved.has(code))) {
    return fail('SUREHOP_HOST_UNRESOLVED', `the host name ${host.hostname} does not resolve`, false);
  }
  if (codes.includes('ETIMEDOUT') || /ETIMEDOUT|TimeoutError|timed out/i.test(`${cause.name} ${text}`)) {
    return fail('SUREHOP_CONNECT_TIMEOUT', `${where} did not complete the handshake in time`, false);
  }
  return fail('SUREHOP_CONNECT_UNREACHABLE', `${where} cannot be reached or hung up: ${cause.message}`, false);
}

/** Of failures to reach several hosts, the one that says most. */
export function mostTelling(failures: readonly DialFailure[]): DialFailure {
  // What is not listed is no answer of a host: a mistake in the options says most of all.
  const weight = ({ error }: DialFailure): number =>
    byWeight.includes(error.code) ? byWeight.indexOf(error.code) : Infinity;
  return failures.toSorted((a, b) => weight(b) - weight(a))[0] as DialFailure;
}

function errorCodesOf(error: Error): string[] {
  const nested = error instanceof AggregateError ? error.errors : [];
  const chain = [error, ...nested, error.cause];
  return chain.flatMap((one) =>
    one instanceof Error && 'code' in one && typeof one.code === 'string' ? [one.code] : [],
  );
}
