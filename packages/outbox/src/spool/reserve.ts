import { rmSync, statSync, writeFileSync } from 'node:fs';

const bytes = 1_024 * 1_024;

/**
 * Room on the disk for what must be written on a full one: that messages were sent. Without it a spool that has filled its
 * disk could never empty itself, and would send everything anew after each restart.
 */
export class Reserve {
  readonly #path: string;
  #isHeld: boolean;

  constructor(file: string) {
    this.#path = `${file}.reserve`;
    this.#isHeld = statSync(this.#path, { throwIfNoEntry: false })?.size === bytes;
  }

  /** Takes the room, where there is some. */
  take(): void {
    if (this.#isHeld) return;
    try {
      writeFileSync(this.#path, Buffer.alloc(bytes, 0xa5), { mode: 0o600 });
      this.#isHeld = true;
    } catch {
      this.release();
    }
  }

  /** Gives the room to the spool's file and its log. */
  release(): void {
    this.#isHeld = false;
    rmSync(this.#path, { force: true });
  }
}
