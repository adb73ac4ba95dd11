/** What Studiolo adds to JupyterLab: notices, what fills the home, and packaging a model. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';

import { addHomePanel } from './home';
import { followNotices } from './notices';
import { addPackagingPanel } from './packaging';
import { PLUGIN_ID } from './tokens';

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Notices about this workspace, what fills the home, and packaging a model.',
  autoStart: true,
  optional: [ICommandPalette],
  activate: (app: JupyterFrontEnd, palette: ICommandPalette | null) => {
    addHomePanel(app, palette);
    addPackagingPanel(app, palette);
    // Once the page stands: notices are not what anybody waits for.
    void app.restored.then(() => {
      followNotices(app.commands);
    });
  }
};

export default plugin;
