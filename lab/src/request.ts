/** The one place that asks the server half. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** The server did not answer, or could not do it; the message is for the person. */
export class RequestFailed extends Error {
  constructor(message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.status = options.status ?? 0;
  }

  /** Of HTTP; 0 where there was no answer. */
  readonly status: number;
}

/** What the server half answers, parsed: `parse` refuses what it does not know. */
export async function request<T>(path: string, parse: (answer: unknown) => T, init: RequestInit = {}): Promise<T> {
  const settings = ServerConnection.makeSettings();
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(URLExt.join(settings.baseUrl, 'studiolo', path), init, settings);
  } catch (error) {
    throw new RequestFailed('Your workspace does not answer. Is your network there?', { cause: error });
  }
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    throw new RequestFailed(saidBy(answer) ?? `Your workspace answered with ${response.status}.`, {
      status: response.status
    });
  }
  return parse(answer);
}

/** An answer of the wrong form: the two halves are of different versions, or something between them answered. */
export function misunderstood(): RequestFailed {
  return new RequestFailed('Your workspace answered something unexpected. Reload this page.');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function saidBy(answer: unknown): string | null {
  return isRecord(answer) && typeof answer.message === 'string' && answer.message ? answer.message : null;
}
