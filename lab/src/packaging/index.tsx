/** The panel "Package model": the command, the button above notebooks and modules, and which document is shown. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { type ICommandPalette, ReactWidget } from '@jupyterlab/apputils';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import { ToolbarButton, UseSignal } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';
import * as React from 'react';

import { Commands } from '../commands';
import { CATEGORY, PACKAGING_PANEL_ID } from '../tokens';
import { OpenDocument } from './document';
import { packageIcon } from './icon';
import { Subject } from './subject';
import { PackagingView } from './view';

const LABEL = 'Package Model';

export function addPackagingPanel(app: JupyterFrontEnd, palette: ICommandPalette | null): void {
  let panel: PackagingPanel | null = null;
  app.commands.addCommand(Commands.packageModel, {
    label: LABEL,
    caption: 'Package the model of this notebook or module as an image',
    icon: packageIcon,
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled: () => OpenDocument.of(app.shell.currentWidget) !== null,
    execute: () => {
      if (!panel || panel.isDisposed) {
        panel = new PackagingPanel();
      }
      if (!panel.isAttached) {
        app.shell.add(panel, 'right');
      }
      panel.show_(app.shell.currentWidget);
      app.shell.activateById(panel.id);
    }
  });
  palette?.addItem({ command: Commands.packageModel, category: CATEGORY });
  app.shell.currentChanged?.connect(() => {
    app.commands.notifyCommandChanged(Commands.packageModel);
    if (panel?.isVisible) {
      panel.show_(app.shell.currentWidget);
    }
  });
  for (const factory of ['Notebook', 'Editor']) {
    app.docRegistry.addWidgetExtension(factory, {
      createNew: (widget: IDocumentWidget) => {
        if (OpenDocument.of(widget)) {
          void widget.context.ready.then(() => {
            addButton(app, widget);
          });
        }
      }
    });
  }
}

/** Before what stands at the right of a toolbar, which goes into a menu first where there is little room. */
function addButton(app: JupyterFrontEnd, widget: IDocumentWidget): void {
  const button = new ToolbarButton({
    icon: packageIcon,
    label: 'Package model',
    className: 'st-PackageButton',
    tooltip: 'Package the model as an image that trains, predicts and serves',
    onClick: () => {
      app.shell.activateById(widget.id);
      void app.commands.execute(Commands.packageModel);
    }
  });
  if (!widget.isDisposed && !widget.toolbar.insertBefore('spacer', 'studiolo-package', button)) {
    widget.toolbar.addItem('studiolo-package', button);
  }
}

/** Follows the document that is looked at; what was chosen for each stays with it. */
class PackagingPanel extends ReactWidget {
  constructor() {
    super();
    this.id = PACKAGING_PANEL_ID;
    this.addClass('st-PackagePanel');
    this.title.icon = packageIcon;
    this.title.caption = LABEL;
    this.title.closable = true;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', LABEL);
  }

  /** Shows what can be packaged of a widget; what is none leaves the panel as it is. */
  show_(widget: Widget | null): void {
    const document = OpenDocument.of(widget);
    if (!document || document.context === this._subject?.document.context) {
      return;
    }
    const known = this._subjects.get(document.context);
    this._subject = known ?? new Subject(document);
    this._subjects.set(document.context, this._subject);
    if (known) {
      known.refresh();
    }
    this._changed.emit();
  }

  protected override onActivateRequest(): void {
    // What it shows may be drawn only now.
    requestAnimationFrame(() => this.node.querySelector('h2')?.focus());
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._changed}>
        {() =>
          this._subject ? (
            <PackagingView key={this._subject.document.path} subject={this._subject} />
          ) : (
            <p className="st-Package-none">Open a notebook or a module with a class Model.</p>
          )
        }
      </UseSignal>
    );
  }

  private _subject: Subject | null = null;
  private readonly _subjects = new WeakMap<object, Subject>();
  private readonly _changed = new Signal<this, void>(this);
}
