/** An open notebook or module: what it holds at this moment, and where a cell of it is. */

import type { DocumentRegistry, IDocumentWidget } from '@jupyterlab/docregistry';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

/** What a notebook's model has, of what is needed here. Its package is not: with it came an editor. */
interface NotebookModel {
  readonly cells: { readonly length: number; get(index: number): Cell };
  getMetadata(key: string): unknown;
}

interface Cell {
  readonly type: string;
  readonly id: string;
  readonly sharedModel: { getSource(): string };
  getMetadata(key: string): unknown;
}

/** What a notebook's view has, of what is needed here. */
interface NotebookContent {
  activeCellIndex: number;
  scrollToItem(index: number, align?: 'smart'): Promise<void>;
}

export class OpenDocument {
  constructor(readonly widget: IDocumentWidget) {}

  /** The document that a widget shows, where it is one that could be packaged. */
  static of(widget: Widget | null): OpenDocument | null {
    const found = widget as (Widget & Partial<IDocumentWidget>) | null;
    const path = found?.context?.path ?? '';
    return found?.context && /\.(ipynb|py)$/.test(path) ? new OpenDocument(found as IDocumentWidget) : null;
  }

  get context(): DocumentRegistry.Context {
    return this.widget.context;
  }

  /** Below the server's folder. */
  get path(): string {
    return this.context.localPath;
  }

  get isDirty(): boolean {
    return this.context.model.dirty;
  }

  get isNotebook(): boolean {
    return this.path.endsWith('.ipynb');
  }

  get changed(): ISignal<unknown, unknown> {
    return this.context.model.contentChanged;
  }

  /** What is looked at: of a notebook without outputs, which may be large and say nothing. */
  content(): string {
    const { model } = this.context;
    return this.isNotebook && 'cells' in model ? contentOf(model as unknown as NotebookModel) : model.toString();
  }

  async save(): Promise<void> {
    let isSaved = true;
    const onState = (_: unknown, state: string): void => {
      isSaved = isSaved && state !== 'failed';
    };
    this.context.saveState.connect(onState);
    try {
      await this.context.save();
    } catch {
      isSaved = false; // JupyterLab has said why
    } finally {
      this.context.saveState.disconnect(onState);
    }
    if (!isSaved) {
      throw new Error('Your changes could not be saved, so nothing was packaged. Save the file first.');
    }
  }

  /** Shows a cell; `number` counts from 1. */
  show(number: number): void {
    const content = this.widget.content as unknown as NotebookContent;
    content.activeCellIndex = number - 1;
    void content.scrollToItem(number - 1, 'smart');
    this.widget.activate();
  }
}

function contentOf(model: NotebookModel): string {
  const cells = Array.from({ length: model.cells.length }, (_, index) => {
    const cell = model.cells.get(index);
    return {
      cell_type: cell.type,
      id: cell.id,
      source: cell.type === 'code' ? cell.sharedModel.getSource() : '',
      metadata: { tags: cell.getMetadata('tags') ?? [] }
    };
  });
  const metadata = {
    language_info: model.getMetadata('language_info'),
    kernelspec: model.getMetadata('kernelspec')
  };
  return JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells });
}
