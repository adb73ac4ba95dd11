/** What the routes below `studiolo/home` answer. */

import { isRecord, misunderstood, request } from '../request';

const STATES = ['ok', 'soon', 'almost', 'full', 'read_only', 'slow'] as const;

export type State = (typeof STATES)[number];

export interface HomeRoom {
  state: State;
  used: number | null;
  isWhole: boolean;
  quota: number | null;
  free: number | null;
}

export interface LargeFile {
  path: string;
  bytes: number;
  modified: Date;
}

export interface Problem {
  path: string;
  reason: string;
}

export function loadRoom(): Promise<HomeRoom> {
  return request('home?anew=1', parseRoom);
}

export function loadLargest(): Promise<LargeFile[]> {
  return request('home/largest', answer => listIn(answer, 'files').map(parseFile));
}

/** Deletes files; what could not be deleted comes back. */
export function deleteFiles(paths: readonly string[]): Promise<Problem[]> {
  return request('home/files', answer => listIn(answer, 'problems').map(parseProblem), {
    method: 'DELETE',
    body: JSON.stringify({ paths })
  });
}

function parseRoom(answer: unknown): HomeRoom {
  const state = isRecord(answer) ? STATES.find(known => known === answer.state) : undefined;
  if (!isRecord(answer) || !state) {
    throw misunderstood();
  }
  return {
    state,
    used: numberOrNull(answer.used_bytes),
    isWhole: answer.is_whole === true,
    quota: numberOrNull(answer.quota_bytes),
    free: numberOrNull(answer.free_bytes)
  };
}

function parseFile(value: unknown): LargeFile {
  if (!isRecord(value) || typeof value.path !== 'string' || typeof value.modified !== 'string') {
    throw misunderstood();
  }
  return { path: value.path, bytes: numberOrNull(value.bytes) ?? 0, modified: new Date(value.modified) };
}

function parseProblem(value: unknown): Problem {
  if (!isRecord(value) || typeof value.path !== 'string' || typeof value.reason !== 'string') {
    throw misunderstood();
  }
  return { path: value.path, reason: value.reason };
}

function listIn(answer: unknown, name: string): unknown[] {
  const found = isRecord(answer) ? answer[name] : null;
  if (!Array.isArray(found)) {
    throw misunderstood();
  }
  return found;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
