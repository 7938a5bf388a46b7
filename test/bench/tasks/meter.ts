import type { Sample } from '../figures.ts';

/** Reads clock and CPU of this process between two moments. */
export class Meter {
  readonly #startedAt = performance.now();
  readonly #cpuAtStart = process.cpuUsage();

  /** @param messages that went through since the meter was made */
  read(messages: number): Sample {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    if (messages <= 0) throw new Error(`no message went through in ${seconds.toFixed(1)} s`);
    return { rate: messages / seconds, cpuUsPerMessage: this.cpuUs() / messages, peakMemoryMb: peakMemoryMb() };
  }

  cpuUs(): number {
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    return user + system;
  }
}

/** The highest that resident memory has ever been, in MB of 10^6 bytes. */
export function peakMemoryMb(): number {
  return (process.resourceUsage().maxRSS * 1_024) / 1e6; // kilobytes, says libuv of all platforms
}
