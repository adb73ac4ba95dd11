/** Commands that notices and the palette name. The server half names them too (`studiolo_lab/home_rules.py`). */

export const Commands = {
  openHome: 'studiolo-lab:open-home',
  packageModel: 'studiolo-lab:package-model'
} as const;
