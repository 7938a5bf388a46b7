import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { BrokerError } from './errors.ts';

const run = promisify(execFile);

const installTimeoutMs = 300_000;

/**
 * Installs a package of the distribution, $1, without letting its service start: the policy file that says so takes
 * the place of the machine's own for as long as the installation lasts, whatever comes of it.
 */
const script = `
set -eu
policy=/usr/sbin/policy-rc.d
kept=$(mktemp -u "$policy.XXXXXX")
if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$kept"; fi
restore() { rm -f "$policy"; if [ -e "$kept" ] || [ -L "$kept" ]; then mv "$kept" "$policy"; fi; }
trap restore EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\\nexit 101\\n' >"$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "$1"
`;

/** What is installed: servers, and a Python library. */
type DebianPackage = 'rabbitmq-server' | 'postgresql' | 'python3-pika';

/**
 * Installs a package on Debian or Ubuntu, as root or through a sudo that asks for no password.
 *
 * @param log gets one line before it begins
 * @throws {BrokerError} it is another system, there is no such right, or the installation failed
 */
export async function installOnDebian(name: DebianPackage, log: (line: string) => void): Promise<void> {
  if (!existsSync('/etc/debian_version') || !existsSync('/usr/bin/apt-get')) {
    throw new BrokerError('It is installed without asking on Debian and Ubuntu only.');
  }
  const [program, ...args] = [...(await prefixForRoot()), 'sh', '-c', script, 'sh', name];
  const service = name.startsWith('python3-') ? '' : '; its service is kept from starting';
  log(`Installing the distribution's ${name} with apt-get${service} (about 30 s) ...`);
  try {
    await run(program as string, args, { timeout: installTimeoutMs, maxBuffer: 64 * 1024 * 1024 });
  } catch (cause) {
    const said = `${(cause as { stderr?: string }).stderr ?? ''}`.trim().split('\n').slice(-5).join('\n');
    throw new BrokerError(`apt-get could not install ${name}: ${said === '' ? String(cause) : said}`, {
      cause,
    });
  }
}

/** What makes a command run as root. */
async function prefixForRoot(): Promise<readonly string[]> {
  if (process.getuid?.() === 0) return [];
  try {
    await run('sudo', ['-n', 'true'], { timeout: 10_000 });
    return ['sudo', '-n'];
  } catch (cause) {
    throw new BrokerError('Installing it needs root, or a sudo that asks for no password.', { cause });
  }
}
