/** What `GET studiolo/notices` answers. */

import { isRecord, misunderstood, request } from '../request';

export type Level = 'info' | 'warning' | 'error';

export interface Notice {
  key: string;
  level: Level;
  text: string;
  action: { label: string; command: string } | null;
}

export function loadNotices(): Promise<Notice[]> {
  return request('notices', parseNotices);
}

function parseNotices(answer: unknown): Notice[] {
  if (!isRecord(answer) || !Array.isArray(answer.notices)) {
    throw misunderstood();
  }
  return answer.notices.map(parseNotice);
}

function parseNotice(value: unknown): Notice {
  if (!isRecord(value)) {
    throw misunderstood();
  }
  const { key, level, text } = value;
  if (typeof key !== 'string' || typeof text !== 'string' || !isLevel(level)) {
    throw misunderstood();
  }
  return { key, level, text, action: parseAction(value.action) };
}

function parseAction(value: unknown): Notice['action'] {
  if (!isRecord(value) || typeof value.label !== 'string' || typeof value.command !== 'string') {
    return null;
  }
  return { label: value.label, command: value.command };
}

function isLevel(value: unknown): value is Level {
  return value === 'info' || value === 'warning' || value === 'error';
}
