/** The names under which JupyterLab knows us. */

export const PLUGIN_ID = 'studiolo-lab:plugin';

export const HOME_PANEL_ID = 'studiolo-lab-home';

export const PACKAGING_PANEL_ID = 'studiolo-lab-packaging';

/** Where our commands stand in the palette. */
export const CATEGORY = 'Studiolo';
