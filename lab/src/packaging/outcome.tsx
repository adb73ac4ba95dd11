/** How far it is, and what came of it. */

import { Clipboard } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import * as React from 'react';

import { readable } from '../home/words';
import type { Command, Going, Result } from './wire';
import { PHASES, timeOf } from './words';

export function Progress({ going, onCancel }: { going: Going; onCancel: () => void }): React.JSX.Element {
  const now = PHASES.findIndex(([phase]) => phase === going.phase);
  return (
    <div className="st-Package-progress">
      <ol aria-label="Progress">
        {PHASES.map(([phase, words], index) => (
          <li
            key={phase}
            data-state={index < now ? 'done' : index === now ? 'now' : 'later'}
            aria-current={index === now ? 'step' : undefined}
          >
            {words}
          </li>
        ))}
      </ol>
      <p>
        <span className="st-Package-quiet">{timeOf(going)}</span>
        <button className="jp-mod-styled jp-mod-minimal" onClick={onCancel}>
          Cancel
        </button>
      </p>
    </div>
  );
}

interface CardProps {
  result: Result;
  heading: React.RefObject<HTMLHeadingElement>;
}

export function ResultCard({ result, heading }: CardProps): React.JSX.Element {
  return (
    <section className="st-Package-result" aria-label="Result">
      <h3 ref={heading} tabIndex={-1}>
        {result.isNew ? 'Packaged' : 'Already packaged'}: {result.name} {result.version}
      </h3>
      <p>
        {result.isNew
          ? `${readable(result.size)}, in ${result.seconds.toFixed(1)} s.`
          : 'This very content is there already; nothing was sent.'}
        {result.team && ` It belongs to the team ${result.team}.`}
        {result.isLocalOnly && ' It stands on no image: it runs on machines with the same environment.'}
      </p>
      <p>
        <code className="st-Package-digest">{result.digest}</code>
      </p>
      <ul className="st-Package-commands" aria-label="How to use it">
        {result.commands.map(command => (
          <CopyLine key={command.title} command={command} />
        ))}
      </ul>
      <p>
        <a href={pageOf(result)} target="_blank" rel="noopener">
          Its page in the hub
        </a>
      </p>
    </section>
  );
}

function CopyLine({ command: { title, text } }: { command: Command }): React.JSX.Element {
  const [isCopied, setIsCopied] = React.useState(false);
  return (
    <li>
      <span className="st-Package-copy">
        <span className="st-Package-quiet">{title}</span>
        <button
          className="jp-mod-styled jp-mod-minimal"
          aria-label={`Copy: ${title}`}
          onClick={() => {
            Clipboard.copyToSystem(text);
            setIsCopied(true);
          }}
        >
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      </span>
      <code>{text}</code>
    </li>
  );
}

/** Where the hub shows it. With a domain for each person the hub is on another one than this page. */
function pageOf({ name, version, team }: Result): string {
  const hub = PageConfig.getOption('hubPrefix') || '/hub/';
  const base = `${PageConfig.getOption('hubHost')}${hub.replace(/hub\/$/, '')}`;
  const query = team ? URLExt.objectToQueryString({ team }) : '';
  return `${base}services/studiolo/models/${encodeURIComponent(name)}/${encodeURIComponent(version)}${query}`;
}
