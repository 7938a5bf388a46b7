/** Shorter ones would be found in the middle of ordinary words. */
const shortestSecret = 4;
const mask = '***';

/** What must never be printed. Knows the passwords that were given, and what a URL with a password looks like. */
export class Secrets {
  readonly #known = new Set<string>();

  /** Takes note of the password of a URL, in both its spellings. What is no URL has none to note. */
  noteUrl(url: string): void {
    const parsed = URL.parse(url);
    if (parsed === null || parsed.password === '' || parsed.password === parsed.username) return;
    this.#note(parsed.password);
    try {
      this.#note(decodeURIComponent(parsed.password));
    } catch {
      // Not valid percent-encoding: nobody will decode it.
    }
  }

  /** The same text without them. For messages and errors only: a message's body may say anything. */
  redacted(text: string): string {
    let safe = text.replaceAll(/(\b[a-z][a-z\d+.-]*:\/\/[^\s:/?#@'"]*):[^\s/?#'"]*@/gi, `$1:${mask}@`);
    for (const secret of this.#known) safe = safe.replaceAll(secret, mask);
    return safe;
  }

  #note(secret: string): void {
    if (secret.length >= shortestSecret) this.#known.add(secret);
  }
}
