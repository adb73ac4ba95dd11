/** A box. */

import { LabIcon } from '@jupyterlab/ui-components';

const SHAPE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">' +
  '<g class="jp-icon3" fill="none" stroke="#616161" stroke-width="2" stroke-linejoin="round">' +
  '<path class="jp-icon3" fill="#616161" stroke="none" d="M12 1.6 21.2 6.6v10.8L12 22.4 2.8 17.4V6.6Z' +
  'M12 3.9 6 7.2l6 3.2 6-3.2ZM4.8 8.9v7.3l6.2 3.4v-7.4Zm14.4 0L13 12.2v7.4l6.2-3.4Z" fill-rule="evenodd"/></g></svg>';

export const packageIcon = new LabIcon({ name: 'studiolo-lab:package', svgstr: SHAPE });
