/** What a person chooses: name, version, whose it is, and what it stands on. */

import * as React from 'react';

import type { Choice } from './subject';
import type { Plan } from './wire';
import { usualVersion } from './words';

interface Props {
  plan: Plan;
  choice: Choice;
  onChoose: (change: Partial<Choice>) => void;
}

export function ChoiceForm({ plan, choice, onChoose }: Props): React.JSX.Element {
  const environments = plan.choices?.environments ?? [{ name: plan.environment, title: plan.environment, summary: '' }];
  const teams = plan.choices?.teams ?? [];
  const chosen = environments.find(({ name }) => name === choice.environment);
  return (
    <form
      className="st-Package-form"
      aria-label="Package"
      onSubmit={event => {
        event.preventDefault();
      }}
    >
      <label>
        Name
        <input
          className="jp-mod-styled"
          value={choice.name}
          placeholder={plan.name}
          spellCheck={false}
          onChange={event => {
            onChoose({ name: event.target.value });
          }}
        />
      </label>
      <label>
        Version
        <input
          className="jp-mod-styled"
          value={choice.version}
          placeholder={usualVersion(plan)}
          spellCheck={false}
          onChange={event => {
            onChoose({ version: event.target.value });
          }}
        />
      </label>
      {teams.length > 0 && (
        <label>
          Belongs to
          <select
            className="jp-mod-styled"
            value={choice.team}
            onChange={event => {
              onChoose({ team: event.target.value });
            }}
          >
            <option value="">You</option>
            {teams.map(team => (
              <option key={team} value={team}>
                Team {team}
              </option>
            ))}
          </select>
        </label>
      )}
      <label>
        Stands on
        <select
          className="jp-mod-styled"
          value={choice.environment}
          onChange={event => {
            onChoose({ environment: event.target.value });
          }}
        >
          {environments.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {chosen?.summary && <p className="st-Package-quiet">{chosen.summary}</p>}
    </form>
  );
}
