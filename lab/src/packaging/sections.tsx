/** What is in a package, section by section. */

import * as React from 'react';

import { readable } from '../home/words';
import type { CellUse, FoundSecret, Inspection, NeededPackage, Plan } from './wire';
import { counted } from './words';

type OnCell = ((number: number) => void) | null;

/** A sentence in which "cell 3" leads there. */
function Words({ text, onCell }: { text: string; onCell: OnCell }): React.JSX.Element {
  if (!onCell) {
    return <>{text}</>;
  }
  return (
    <>
      {text.split(/(\bcell \d+)/i).map((part, index) => {
        const number = /^cell (\d+)$/i.exec(part)?.[1];
        return number === undefined ? (
          <React.Fragment key={index}>{part}</React.Fragment>
        ) : (
          <button
            key={index}
            className="st-Package-link"
            onClick={() => {
              onCell(Number(number));
            }}
          >
            {part}
          </button>
        );
      })}
    </>
  );
}

interface SentencesProps {
  kind: 'problem' | 'warning';
  title: string;
  sentences: readonly string[];
  onCell: OnCell;
  children?: React.ReactNode;
}

export function Sentences({ kind, title, sentences, onCell, children }: SentencesProps): React.JSX.Element {
  return (
    <section className="st-Package-sentences" data-kind={kind} aria-label={title}>
      <h3>{title}</h3>
      <ul>
        {sentences
          .flatMap(sentence => sentence.split('\n'))
          .map(sentence => (
            <li key={sentence}>
              <Words text={sentence} onCell={onCell} />
            </li>
          ))}
      </ul>
      {children}
    </section>
  );
}

interface SecretsProps {
  secrets: readonly FoundSecret[];
  allowed: ReadonlySet<string>;
  onAllow: (allowed: ReadonlySet<string>) => void;
  onCell: OnCell;
}

/** Each has to be allowed by itself: who allows all of them has read none. */
export function Secrets({ secrets, allowed, onAllow, onCell }: SecretsProps): React.JSX.Element {
  return (
    <section className="st-Package-sentences" data-kind="problem" aria-label="Looks like secrets">
      <h3>Looks like secrets</h3>
      <p>Whoever can run the image can read them. Take them out, or allow what is none; that is recorded.</p>
      <ul className="st-Package-secrets">
        {secrets.map(({ place, text }) => (
          <li key={place}>
            <Words text={text} onCell={onCell} />
            <label>
              <input
                type="checkbox"
                checked={allowed.has(place)}
                aria-label={`Allow ${place}`}
                onChange={event => {
                  const after = new Set(allowed);
                  if (event.target.checked) {
                    after.add(place);
                  } else {
                    after.delete(place);
                  }
                  onAllow(after);
                }}
              />
              Allow
            </label>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Contract({ found }: { found: Inspection }): React.JSX.Element {
  return (
    <section aria-label="Model">
      <h3>Model</h3>
      {found.doc && <p>{found.doc}</p>}
      <ul className="st-Package-methods" aria-label="Methods">
        {found.methods.map(method => (
          <li key={method}>{method}</li>
        ))}
      </ul>
      {found.hyperparameters.length > 0 && (
        <table>
          <caption>Hyperparameters</caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Default</th>
              <th scope="col">Takes</th>
            </tr>
          </thead>
          <tbody>
            {found.hyperparameters.map(one => (
              <tr key={one.name} title={one.description || undefined}>
                <th scope="row">
                  <code>{one.name}</code>
                </th>
                <td>{one.default === null ? <em>required</em> : <code>{one.default}</code>}</td>
                <td>
                  {one.type}
                  {one.limits && <span className="st-Package-quiet"> {one.limits}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.module && (
        <details>
          <summary>The module that is made of it</summary>
          <pre tabIndex={0}>{found.module}</pre>
        </details>
      )}
    </section>
  );
}

export function Cells({
  cells,
  onCell
}: {
  cells: readonly CellUse[];
  onCell: (number: number) => void;
}): React.JSX.Element {
  const kept = cells.filter(({ isKept }) => isKept).length;
  return (
    <section aria-label="Cells">
      <h3>Cells</h3>
      <p>
        {counted(kept, 'cell')} in the module, {cells.length - kept} left out.
      </p>
      <ul className="st-Package-cells">
        {cells.map(({ number, isKept, why }) => (
          <li key={number} data-kept={isKept}>
            <button
              className="st-Package-link"
              aria-label={`Show cell ${number}`}
              onClick={() => {
                onCell(number);
              }}
            >
              {number}
            </button>
            <span className="st-Package-mark">{isKept ? 'in' : 'out'}</span>
            <span>{why}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Packages({ packages }: { packages: readonly NeededPackage[] }): React.JSX.Element {
  const added = packages.filter(({ isPresent }) => !isPresent).length;
  return (
    <section aria-label="Packages">
      <h3>Packages</h3>
      <p>{added ? `${counted(added, 'package')} beside the environment.` : 'The environment has all of them.'}</p>
      {packages.length > 0 && (
        <table>
          <thead className="st-Package-unseen">
            <tr>
              <th scope="col">Package</th>
              <th scope="col">Known from</th>
            </tr>
          </thead>
          <tbody>
            {packages.map(({ requirement, source, isPresent }) => (
              <tr key={requirement}>
                <th scope="row">
                  <code>{requirement}</code>
                </th>
                <td className="st-Package-quiet">{isPresent ? 'in the environment' : from(source)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function from(source: string): string {
  return source === 'import' ? 'imported; as installed here' : `from ${source}`;
}

export function Files({ plan }: { plan: Plan }): React.JSX.Element {
  const { files, fileCount, size, leftOut, leftOutCount } = plan;
  return (
    <section aria-label="Files">
      <h3>Files</h3>
      <p>
        {counted(fileCount, 'file')}, {readable(size)}. Notebooks go in without their outputs.
      </p>
      {files.length > 0 && (
        <details>
          <summary>{files.length < fileCount ? `The ${files.length} largest` : 'Which'}</summary>
          <table>
            <tbody>
              {files.map(file => (
                <tr key={file.path}>
                  <th scope="row">{file.path}</th>
                  <td className="st-Package-number">{readable(file.size)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
      {leftOutCount > 0 && (
        <details>
          <summary>{leftOutCount} left out</summary>
          <table>
            <tbody>
              {leftOut.map(({ path, why }) => (
                <tr key={path}>
                  <th scope="row">{path}</th>
                  <td className="st-Package-quiet">{why}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </section>
  );
}
