/** The panel "Home" and the command that opens it. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, ReactWidget, type ICommandPalette } from '@jupyterlab/apputils';
import * as React from 'react';

import { Commands } from '../commands';
import { CATEGORY, HOME_PANEL_ID } from '../tokens';
import { HomeView } from './view';

export function addHomePanel(app: JupyterFrontEnd, palette: ICommandPalette | null): void {
  let panel: MainAreaWidget<ReactWidget> | null = null;
  app.commands.addCommand(Commands.openHome, {
    label: 'Show What Fills My Home',
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => {
      if (!panel || panel.isDisposed) {
        panel = makePanel(app);
      }
      if (!panel.isAttached) {
        app.shell.add(panel, 'main');
      }
      app.shell.activateById(panel.id);
    }
  });
  palette?.addItem({ command: Commands.openHome, category: CATEGORY });
}

function makePanel(app: JupyterFrontEnd): MainAreaWidget<ReactWidget> {
  const download = async (path: string): Promise<void> => {
    const link = document.createElement('a');
    link.href = await app.serviceManager.contents.getDownloadUrl(path);
    link.download = '';
    document.body.appendChild(link);
    link.click();
    link.remove();
  };
  const panel = new MainAreaWidget({ content: ReactWidget.create(<HomeView download={download} />) });
  panel.id = HOME_PANEL_ID;
  panel.title.label = 'Home';
  panel.title.caption = 'What fills your home';
  panel.title.closable = true;
  return panel;
}
