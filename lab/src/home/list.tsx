/** The largest files, with a box to tick for each. */

import * as React from 'react';

import type { LargeFile } from './wire';
import { isHidden, readable } from './words';

interface Props {
  files: readonly LargeFile[];
  ticked: ReadonlySet<string>;
  onTick: (path: string, isTicked: boolean) => void;
  onDownload: (path: string) => void;
}

export function FileList({ files, ticked, onTick, onDownload }: Props): React.JSX.Element {
  if (files.length === 0) {
    return <p>There are no files in your home.</p>;
  }
  return (
    <table className="st-Home-files">
      <caption>Largest files</caption>
      <thead>
        <tr>
          <th scope="col">
            <span className="st-Home-unseen">Tick</span>
          </th>
          <th scope="col">File</th>
          <th scope="col" className="st-Home-number">
            Size
          </th>
          <th scope="col" className="st-Home-date">
            Changed
          </th>
          <th scope="col">
            <span className="st-Home-unseen">Download</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {files.map(file => (
          <tr key={file.path}>
            <td>
              <input
                type="checkbox"
                aria-label={`Tick ${file.path}`}
                checked={ticked.has(file.path)}
                onChange={event => {
                  onTick(file.path, event.target.checked);
                }}
              />
            </td>
            <th scope="row">{file.path}</th>
            <td className="st-Home-number">{readable(file.bytes)}</td>
            <td className="st-Home-date">{file.modified.toLocaleDateString()}</td>
            <td>
              {!isHidden(file.path) && (
                <button
                  className="jp-mod-styled jp-mod-minimal"
                  aria-label={`Download ${file.path}`}
                  onClick={() => {
                    onDownload(file.path);
                  }}
                >
                  Download
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
