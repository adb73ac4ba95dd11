/** The panel: what stands in the way, what is in it, what can be chosen, and at its foot the button. */

import { UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ChoiceForm } from './form';
import { Progress, ResultCard } from './outcome';
import { Cells, Contract, Files, Packages, Secrets, Sentences } from './sections';
import type { Subject } from './subject';
import { whyNot } from './words';

export function PackagingView({ subject }: { subject: Subject }): React.JSX.Element {
  return <UseSignal signal={subject.changed}>{() => <Panel subject={subject} />}</UseSignal>;
}

function Panel({ subject }: { subject: Subject }): React.JSX.Element {
  const { state, document } = subject;
  const { found, plan, going, choice } = state;
  const result = going?.result ?? null;
  const heading = React.useRef<HTMLHeadingElement>(null);
  const isOver = React.useRef(true);
  React.useEffect(() => {
    // Who pressed the button is led to what came of it; who comes back to an old result is not.
    if (result && !isOver.current) {
      heading.current?.focus();
    }
    isOver.current = !going || going.isOver;
  }, [going, result]);

  const why = whyNot(state);
  const failed = [state.lookFailed, state.planFailed, plan?.away ?? ''].filter(Boolean);
  const problems = [...(found?.problems ?? []), ...(plan?.problems ?? [])];
  const warnings = [...(found?.warnings ?? []), ...(plan?.warnings ?? [])];
  const showCell = document.isNotebook
    ? (number: number): void => {
        document.show(number);
      }
    : null;
  return (
    <div className="st-Package" aria-busy={state.isLooking || state.isPlanning}>
      <div className="st-Package-body">
        <header>
          <h2 tabIndex={-1}>Package model</h2>
          <p className="st-Package-source" title={document.path}>
            {document.path}
            {(state.isLooking || state.isPlanning) && <span className="st-Package-quiet"> · looking…</span>}
          </p>
        </header>
        {going?.isOver && going.problem && (
          <Sentences kind="problem" title="It was not packaged" sentences={[going.problem]} onCell={showCell} />
        )}
        {failed.length > 0 && (
          <Sentences kind="problem" title="Something does not answer" sentences={failed} onCell={null}>
            <p>Nothing is lost. Once it is there again:</p>
            <button
              className="jp-mod-styled"
              onClick={() => {
                subject.refresh();
              }}
            >
              Try again
            </button>
          </Sentences>
        )}
        {problems.length > 0 && <Sentences kind="problem" title="In the way" sentences={problems} onCell={showCell} />}
        {going?.isOver && result && <ResultCard result={result} heading={heading} />}
        {plan && plan.secrets.length > 0 && (
          <Secrets
            secrets={plan.secrets}
            allowed={choice.allowed}
            onCell={showCell}
            onAllow={allowed => {
              subject.choose({ allowed });
            }}
          />
        )}
        {warnings.length > 0 && (
          <Sentences kind="warning" title="Good to know" sentences={warnings} onCell={showCell} />
        )}
        {plan && (
          <ChoiceForm
            plan={plan}
            choice={choice}
            onChoose={change => {
              subject.choose(change);
            }}
          />
        )}
        {found && found.methods.length > 0 && <Contract found={found} />}
        {found && found.cells.length > 0 && showCell && <Cells cells={found.cells} onCell={showCell} />}
        {plan && <Packages packages={plan.packages} />}
        {plan && <Files plan={plan} />}
      </div>
      <footer>
        {going && !going.isOver && (
          <Progress
            going={going}
            onCancel={() => {
              void subject.cancel();
            }}
          />
        )}
        <div className="st-Package-act">
          <button
            className="jp-mod-styled jp-mod-accept"
            aria-disabled={why !== ''}
            aria-describedby="st-Package-why"
            onClick={() => {
              void subject.package();
            }}
          >
            Package
          </button>
          <p id="st-Package-why" className="st-Package-quiet">
            {why ||
              (document.isDirty ? 'Your changes are saved first.' : 'It takes a moment, and runs nothing of yours.')}
          </p>
        </div>
        <p role="status" className="st-Package-said">
          {state.said}
        </p>
      </footer>
    </div>
  );
}
