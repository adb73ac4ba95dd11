/** Which notices this browser tab has shown already. A page that is loaded again lists them and interrupts nobody. */

import type { Notice } from './wire';

const STORED_AS = 'studiolo-lab:seen-notices';

export class Seen {
  /** Whether this is news, as it is worded now. It is none from here on. */
  isNew(notice: Notice): boolean {
    const seen = this.load();
    if (seen[notice.key] === notice.text) {
      return false;
    }
    this.store({ ...seen, [notice.key]: notice.text });
    return true;
  }

  /** Forgets what holds no more: told again, it is news again. */
  keepOnly(keys: ReadonlySet<string>): void {
    const seen = this.load();
    this.store(Object.fromEntries(Object.entries(seen).filter(([key]) => keys.has(key))));
  }

  private load(): Record<string, unknown> {
    try {
      const found: unknown = JSON.parse(sessionStorage.getItem(STORED_AS) ?? '{}');
      return typeof found === 'object' && found !== null ? { ...found } : {};
    } catch {
      return this.here; // a browser that stores nothing: then it is remembered as long as the page
    }
  }

  private store(seen: Record<string, unknown>): void {
    this.here = seen;
    try {
      sessionStorage.setItem(STORED_AS, JSON.stringify(seen));
    } catch {
      // as above
    }
  }

  private here: Record<string, unknown> = {};
}
