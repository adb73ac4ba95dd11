/** Asks the server for notices as long as somebody looks. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Poll } from '@lumino/polling';

import { NoticeBoard } from './show';
import { loadNotices } from './wire';

const EVERY_MS = 15_000;
const AT_MOST_EVERY_MS = 300_000;

export function followNotices(commands: JupyterFrontEnd['commands']): void {
  const board = new NoticeBoard(commands);
  new Poll({
    name: 'studiolo-lab:notices',
    factory: async () => {
      board.show(await loadNotices());
    },
    frequency: { interval: EVERY_MS, backoff: true, max: AT_MOST_EVERY_MS },
    standby: 'when-hidden'
  });
}
