/** What is known of one document that is to be packaged, and what its person has chosen. Asks the server half. */

import { Debouncer } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import { RequestFailed } from '../request';
import type { OpenDocument } from './document';
import { begin, cancel, follow, inspect, lastOf, loadPlan, type Going, type Inspection, type Plan } from './wire';
import { whyNot } from './words';

/** After the last key: people see problems while they type, and the server is not asked for each letter. */
const AFTER_EDIT_MS = 500;
const FOLLOW_MS = 400;
const FOLLOW_AGAIN_MS = 3000;

export interface Choice {
  environment: string;
  team: string;
  name: string;
  version: string;
  allowed: ReadonlySet<string>;
}

export interface State {
  found: Inspection | null;
  plan: Plan | null;
  going: Going | null;
  choice: Choice;
  isLooking: boolean;
  isPlanning: boolean;
  isBeginning: boolean;
  /** Why one of the two could not be asked; "" where they could. */
  lookFailed: string;
  planFailed: string;
  /** What is said aloud. */
  said: string;
}

const NOTHING: State = {
  found: null,
  plan: null,
  going: null,
  choice: { environment: '', team: '', name: '', version: '', allowed: new Set() },
  isLooking: true,
  isPlanning: true,
  isBeginning: false,
  lookFailed: '',
  planFailed: '',
  said: ''
};

export class Subject {
  constructor(readonly document: OpenDocument) {
    this._afterEdit = new Debouncer(() => this.look(), AFTER_EDIT_MS);
    document.changed.connect(this._onEdit, this);
    document.context.saveState.connect(this._onSave, this);
    document.context.pathChanged.connect(this._onPath, this);
    document.context.disposed.connect(() => {
      this.dispose();
    });
    void document.context.ready.then(() => {
      this.refresh();
      void this._findLast();
    });
  }

  get state(): State {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  dispose(): void {
    this._isDisposed = true;
    this._afterEdit.dispose();
    Signal.clearData(this);
  }

  /** Asks for everything anew. */
  refresh(): void {
    void this.look();
    void this.loadPlan();
  }

  choose(change: Partial<Choice>): void {
    this._set({ choice: { ...this._state.choice, ...change } });
    if (change.environment !== undefined) {
      void this.loadPlan();
    }
  }

  /** Looks at the document as it is now. */
  async look(): Promise<void> {
    const mine = (this._look += 1);
    this._set({ isLooking: true });
    try {
      const found = await inspect(this.document.path, this.document.content());
      if (mine === this._look) {
        this._set({ found, isLooking: false, lookFailed: '' });
      }
    } catch (error) {
      if (mine !== this._look || this._isDisposed) {
        return;
      }
      if (error instanceof RequestFailed && error.status === 409) {
        void this._afterEdit.invoke(); // another page of this server was faster
      } else {
        this._set({ isLooking: false, lookFailed: sentenceOf(error) });
      }
    }
  }

  /** Looks at the folder as it is saved. */
  async loadPlan(): Promise<void> {
    const mine = (this._plan += 1);
    this._set({ isPlanning: true });
    try {
      const plan = await loadPlan(this.document.path, this._state.choice.environment);
      if (mine === this._plan) {
        const choice = { ...this._state.choice, environment: plan.environment };
        this._set({ plan, choice, isPlanning: false, planFailed: '' });
      }
    } catch (error) {
      if (mine === this._plan) {
        this._set({ isPlanning: false, planFailed: sentenceOf(error) });
      }
    }
  }

  /** Saves, where that is needed, and packages. */
  async package(): Promise<void> {
    if (this._state.isBeginning || whyNot(this._state)) {
      return;
    }
    const { document } = this;
    this._set({ isBeginning: true, said: document.isDirty ? 'Saving your changes first…' : 'Packaging…' });
    try {
      if (document.isDirty) {
        await document.save();
        this._set({ said: 'Saved your changes. Packaging…' });
      }
      const { environment, team, name, version, allowed } = this._state.choice;
      const going = await begin({
        path: document.path,
        environment,
        team,
        name: name.trim() || (this._state.plan?.name ?? ''),
        version: version.trim(),
        allowed: [...allowed]
      });
      this._set({ going, isBeginning: false });
      await this._follow(going);
    } catch (error) {
      this._set({ isBeginning: false, said: sentenceOf(error) });
    }
  }

  async cancel(): Promise<void> {
    const { going } = this._state;
    if (going && !going.isOver) {
      try {
        this._end(await cancel(going.id));
      } catch (error) {
        this._set({ said: sentenceOf(error) });
      }
    }
  }

  private async _follow(going: Going): Promise<void> {
    let now = going;
    while (!now.isOver && !this._isDisposed) {
      await new Promise(resolve => setTimeout(resolve, FOLLOW_MS));
      try {
        now = await follow(going.id);
      } catch (error) {
        if (error instanceof RequestFailed && error.status === 404) {
          this._set({ going: null, said: error.message });
          return;
        }
        this._set({ said: `${sentenceOf(error)} Asking again…` });
        await new Promise(resolve => setTimeout(resolve, FOLLOW_AGAIN_MS));
        continue;
      }
      if (!now.isOver) {
        this._set({ going: now });
      }
    }
    this._end(now);
  }

  private _end(going: Going): void {
    const { result } = going;
    const said = result
      ? `${result.isNew ? 'Packaged' : 'Already packaged'}: ${result.name} ${result.version}.`
      : going.problem;
    this._set({ going, said });
  }

  private async _findLast(): Promise<void> {
    try {
      const last = await lastOf(this.document.path);
      if (last && !this._state.going) {
        this._set({ going: last });
        if (!last.isOver) {
          await this._follow(last);
        }
      }
    } catch {
      // What was is not what anybody waits for.
    }
  }

  private readonly _onEdit = (): void => {
    void this._afterEdit.invoke();
  };

  private readonly _onSave = (_: unknown, state: string): void => {
    if (state === 'completed') {
      void this.loadPlan();
    }
  };

  private readonly _onPath = (): void => {
    this.refresh();
  };

  private _set(change: Partial<State>): void {
    if (!this._isDisposed) {
      this._state = { ...this._state, ...change };
      this._changed.emit();
    }
  }

  private _state = NOTHING;
  private _look = 0;
  private _plan = 0;
  private _isDisposed = false;
  private readonly _afterEdit: Debouncer;
  private readonly _changed = new Signal<this, void>(this);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
