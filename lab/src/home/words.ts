/** What the panel says. */

import type { HomeRoom } from './wire';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** 1536 -> "1.5 KiB", as the notices say it. */
export function readable(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit ? amount.toFixed(1) : amount.toFixed(0)} ${UNITS[unit] ?? ''}`;
}

/** How much there is and how much is left, in one sentence. */
export function sumUp(room: HomeRoom): string {
  if (room.used === null || room.free === null) {
    return 'Your home does not answer at the moment.';
  }
  const least = room.isWhole ? '' : 'at least ';
  const whole = room.quota === null ? '' : ` of ${readable(room.quota)}`;
  return `${least}${readable(room.used)}${whole} used, ${readable(room.free)} free`;
}

/** What follows from it, where anything does. */
export function advise(room: HomeRoom): string | null {
  switch (room.state) {
    case 'ok':
      return null;
    case 'soon':
      return 'Your home is filling up.';
    case 'almost':
      return 'Your home is almost full. Delete what you do not need any more.';
    case 'full':
      return 'Your home is full: what you change may not be saved. Delete something, or download it first.';
    case 'read_only':
      return 'Your home can only be read, so nothing in it can be deleted. You can download files. Tell whoever runs Studiolo.';
    case 'slow':
      return 'Opening and saving files may hang. Try again in a moment; if it stays so, tell whoever runs Studiolo.';
  }
}

/** Whether files may be deleted at all. */
export function mayDelete(room: HomeRoom): boolean {
  return room.state !== 'read_only' && room.state !== 'slow';
}

/** How full the bar is, from 0 to 100; null where there is no measure for it. */
export function percent(room: HomeRoom): number | null {
  if (room.used === null || room.free === null) {
    return null;
  }
  const whole = room.quota ?? room.used + room.free;
  return whole > 0 ? Math.min(100, Math.round((room.used * 100) / whole)) : 100;
}

/** Jupyter's own download serves no hidden files. */
export function isHidden(path: string): boolean {
  return path.split('/').some(part => part.startsWith('.'));
}
