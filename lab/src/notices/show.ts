/** The server's notices as JupyterLab's notifications: each once, gone when it does not hold any more. */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { JupyterFrontEnd } from '@jupyterlab/application';

import { Seen } from './seen';
import type { Notice } from './wire';

/** JupyterLab cuts a notification off after 140 characters; the rest is behind a button. */
const LONGEST = 138;

interface Shown {
  /** JupyterLab's own number of it. */
  id: string;
  /** What was shown, to notice a change. */
  as: string;
}

export class NoticeBoard {
  constructor(private readonly commands: JupyterFrontEnd['commands']) {}

  /** Makes what is shown agree with what holds now. */
  show(notices: readonly Notice[]): void {
    const keys = new Set(notices.map(notice => notice.key));
    for (const [key, { id }] of this.shown) {
      if (!keys.has(key)) {
        Notification.dismiss(id);
        this.shown.delete(key);
      }
    }
    this.seen.keepOnly(keys);
    notices.forEach(notice => {
      this.showOne(notice);
    });
  }

  private showOne(notice: Notice): void {
    const as = JSON.stringify(notice);
    const before = this.shown.get(notice.key);
    if (before?.as === as) {
      return;
    }
    if (before) {
      Notification.dismiss(before.id);
    }
    // Zero: it stands in the notification center and does not pop up.
    const autoClose = this.seen.isNew(notice) ? stays(notice) : 0;
    const id = Notification.emit(shortened(notice.text), notice.level, { autoClose, actions: this.buttons(notice) });
    this.shown.set(notice.key, { id, as });
  }

  private buttons(notice: Notice): Notification.IAction[] {
    const { action, text } = notice;
    const buttons: Notification.IAction[] = [];
    if (action && this.commands.hasCommand(action.command)) {
      const callback = (event: MouseEvent): void => {
        event.preventDefault(); // the notice stays until it does not hold any more
        void this.commands.execute(action.command);
      };
      buttons.push({ label: action.label, displayType: 'accent', callback });
    }
    if (text.length > LONGEST) {
      const callback = (event: MouseEvent): void => {
        event.preventDefault();
        void showDialog({ title: 'Notice', body: text, buttons: [Dialog.okButton({ label: 'Close' })] });
      };
      buttons.push({ label: 'Read all', callback });
    }
    return buttons;
  }

  private readonly seen = new Seen();
  private readonly shown = new Map<string, Shown>();
}

/** How long it pops up, in milliseconds; false: until it is closed. */
function stays(notice: Notice): number | false {
  return notice.level === 'error' ? false : 15_000;
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1).trimEnd()}…` : text;
}
