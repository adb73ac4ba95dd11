/** The panel: a bar, a sentence, the largest files, and what can be done with them. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';

import { FileList } from './list';
import { deleteFiles, loadLargest, loadRoom, type HomeRoom, type LargeFile } from './wire';
import { advise, mayDelete, percent, sumUp } from './words';

interface Props {
  download: (path: string) => Promise<void>;
}

export function HomeView({ download }: Props): React.JSX.Element {
  const [room, setRoom] = React.useState<HomeRoom | null>(null);
  const [files, setFiles] = React.useState<readonly LargeFile[]>([]);
  const [ticked, setTicked] = React.useState<ReadonlySet<string>>(new Set());
  const [isBusy, setIsBusy] = React.useState(false);
  const [said, setSaid] = React.useState('');

  const run = async (work: () => Promise<string>): Promise<void> => {
    setIsBusy(true);
    try {
      setSaid(await work());
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    } finally {
      setIsBusy(false);
    }
  };
  const refresh = async (): Promise<void> => {
    const found = await loadRoom();
    setRoom(found);
    const largest = found.state === 'slow' ? [] : await loadLargest();
    setFiles(largest);
    setTicked(before => new Set(largest.map(file => file.path).filter(path => before.has(path))));
  };
  const deleteTicked = async (): Promise<string> => {
    const paths = [...ticked];
    const problems = await deleteFiles(paths);
    await refresh();
    const sentences = problems.map(({ path, reason }) => `${path}: ${reason}`);
    return [`${counted(paths.length - problems.length)} deleted.`, ...sentences].join(' ');
  };
  React.useEffect(() => {
    void run(async () => {
      await refresh();
      return '';
    });
  }, []);

  const filled = room && percent(room);
  const advice = room && advise(room);
  return (
    <div className="st-Home" data-state={room?.state}>
      <h2>What fills your home</h2>
      {room && (
        <>
          {filled !== null && <meter aria-label="Used of your home" min={0} max={100} value={filled} />}
          <p className="st-Home-sum">{sumUp(room)}</p>
          {advice && <p className="st-Home-advice">{advice}</p>}
        </>
      )}
      <div className="st-Home-buttons">
        <button
          className="jp-mod-styled jp-mod-reject"
          disabled={isBusy}
          onClick={() =>
            void run(async () => {
              await refresh();
              return 'Measured again.';
            })
          }
        >
          Refresh
        </button>
        <button
          className="jp-mod-styled jp-mod-warn"
          disabled={isBusy || ticked.size === 0 || !room || !mayDelete(room)}
          onClick={() =>
            void confirmed([...ticked]).then(isSure => {
              if (isSure) {
                void run(deleteTicked);
              }
            })
          }
        >
          {ticked.size ? `Delete ${counted(ticked.size)}` : 'Delete'}
        </button>
      </div>
      <p role="status" className="st-Home-said">
        {isBusy ? 'One moment…' : said}
      </p>
      {room && room.state !== 'slow' && (
        <FileList
          files={files}
          ticked={ticked}
          onTick={(path, isTicked) => {
            const after = new Set(ticked);
            if (isTicked) {
              after.add(path);
            } else {
              after.delete(path);
            }
            setTicked(after);
          }}
          onDownload={path =>
            void run(async () => {
              await download(path);
              return `${path} is downloaded by your browser.`;
            })
          }
        />
      )}
    </div>
  );
}

async function confirmed(paths: readonly string[]): Promise<boolean> {
  const { button } = await showDialog({
    title: `Delete ${counted(paths.length)}?`,
    body: `This cannot be undone: ${paths.join(', ')}`,
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Delete' })],
    defaultButton: 0
  });
  return button.accept;
}

function counted(files: number): string {
  return files === 1 ? '1 file' : `${files} files`;
}
