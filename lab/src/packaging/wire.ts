/** What the routes below `studiolo/model` answer. */

import { isRecord, misunderstood, request } from '../request';

export interface Hyperparameter {
  name: string;
  type: string;
  isRequired: boolean;
  /** As people write it; null where there is none. */
  default: string | null;
  limits: string;
  description: string;
}

export interface CellUse {
  number: number;
  isKept: boolean;
  why: string;
}

export interface Inspection {
  methods: string[];
  hyperparameters: Hyperparameter[];
  cells: CellUse[];
  module: string;
  doc: string;
  warnings: string[];
  problems: string[];
}

export interface SizedFile {
  path: string;
  size: number;
}

export interface LeftOut {
  path: string;
  why: string;
}

export interface FoundSecret {
  place: string;
  text: string;
}

export interface NeededPackage {
  requirement: string;
  source: string;
  isPresent: boolean;
}

export interface Environment {
  name: string;
  title: string;
  summary: string;
}

export interface Plan {
  name: string;
  environment: string;
  /** Null where the hub does not say. */
  choices: { environments: Environment[]; teams: string[] } | null;
  /** Why not. */
  away: string;
  files: SizedFile[];
  fileCount: number;
  size: number;
  leftOut: LeftOut[];
  leftOutCount: number;
  secrets: FoundSecret[];
  packages: NeededPackage[];
  warnings: string[];
  problems: string[];
  commit: string;
  isClean: boolean;
}

export interface Command {
  title: string;
  text: string;
}

export interface Result {
  name: string;
  version: string;
  team: string;
  digest: string;
  isNew: boolean;
  isLocalOnly: boolean;
  size: number;
  seconds: number;
  overridden: string[];
  warnings: string[];
  commands: Command[];
}

/** A package on its way, or at its end. */
export interface Going {
  id: string;
  phase: string;
  seconds: number;
  /** Seconds that each phase took the last time. */
  expected: ReadonlyMap<string, number>;
  result: Result | null;
  problem: string;
  isOver: boolean;
}

export interface Wish {
  path: string;
  environment: string;
  name: string;
  version: string;
  team: string;
  allowed: readonly string[];
}

export function inspect(path: string, content: string): Promise<Inspection> {
  return request(`model/inspect?path=${encodeURIComponent(path)}`, parseInspection, { method: 'POST', body: content });
}

export function loadPlan(path: string, environment: string): Promise<Plan> {
  return request('model/plan', parsePlan, { method: 'POST', body: JSON.stringify({ path, environment }) });
}

export function begin({ allowed, ...wish }: Wish): Promise<Going> {
  const body = JSON.stringify({ ...wish, allowed_secrets: allowed });
  return request('model/packages', parseGoing, { method: 'POST', body });
}

export function follow(id: string): Promise<Going> {
  return request(`model/packages/${id}`, parseGoing);
}

export function cancel(id: string): Promise<Going> {
  return request(`model/packages/${id}`, parseGoing, { method: 'DELETE' });
}

/** The last package of a file that the server remembers. */
export function lastOf(path: string): Promise<Going | null> {
  return request(`model/packages?path=${encodeURIComponent(path)}`, answer => {
    const found = record(answer).package;
    return found === null ? null : parseGoing(found);
  });
}

const LIMITS = [
  ['minimum', 'from'],
  ['exclusiveMinimum', 'above'],
  ['maximum', 'to'],
  ['exclusiveMaximum', 'below'],
  ['multipleOf', 'a multiple of']
] as const;

function parseInspection(answer: unknown): Inspection {
  const found = record(answer);
  return {
    methods: texts(found.methods),
    hyperparameters: records(found.hyperparameters).map(parseHyperparameter),
    cells: records(found.cells).map(cell => ({
      number: count(cell.number),
      isKept: cell.kept === true,
      why: text(cell.why)
    })),
    module: text(found.module),
    doc: text(found.doc),
    warnings: texts(found.warnings),
    problems: texts(found.problems)
  };
}

function parseHyperparameter(one: Record<string, unknown>): Hyperparameter {
  const choices = Array.isArray(one.enum) ? one.enum.map(value => JSON.stringify(value)) : [];
  const limits = LIMITS.filter(([key]) => key in one).map(([key, word]) => `${word} ${JSON.stringify(one[key])}`);
  const written = typeof one.default_expression === 'string' ? one.default_expression : JSON.stringify(one.default);
  return {
    name: text(one.name),
    type: `${text(one.type)}${one.nullable === true ? ' or nothing' : ''}`,
    isRequired: one.required === true,
    default: one.required === true ? null : written,
    limits: choices.length ? choices.join(', ') : limits.join(' '),
    description: text(one.description ?? '')
  };
}

function parsePlan(answer: unknown): Plan {
  const plan = record(answer);
  const choices = plan.choices === null ? null : record(plan.choices);
  return {
    name: text(plan.name),
    environment: text(plan.environment),
    choices: choices && {
      environments: records(choices.environments).map(one => ({
        name: text(one.name),
        title: text(one.title),
        summary: text(one.summary)
      })),
      teams: texts(choices.teams)
    },
    away: text(plan.away),
    files: records(plan.files).map(file => ({ path: text(file.path), size: count(file.size) })),
    fileCount: count(plan.file_count),
    size: count(plan.size),
    leftOut: records(plan.left_out).map(one => ({ path: text(one.path), why: text(one.why) })),
    leftOutCount: count(plan.left_out_count),
    secrets: records(plan.secrets).map(one => ({ place: text(one.place), text: text(one.text) })),
    packages: records(plan.packages).map(one => ({
      requirement: text(one.requirement),
      source: text(one.source),
      isPresent: one.is_present === true
    })),
    warnings: texts(plan.warnings),
    problems: texts(plan.problems),
    commit: text(plan.commit),
    isClean: plan.is_clean === true
  };
}

function parseGoing(answer: unknown): Going {
  const going = record(answer);
  const expected = Object.entries(record(going.expected)).map(([phase, seconds]) => [phase, count(seconds)] as const);
  return {
    id: text(going.id),
    phase: text(going.phase),
    seconds: count(going.seconds),
    expected: new Map(expected),
    result: going.answer === null ? null : parseResult(record(going.answer)),
    problem: text(going.problem),
    isOver: going.is_over === true
  };
}

function parseResult(result: Record<string, unknown>): Result {
  return {
    name: text(result.name),
    version: text(result.version),
    team: text(result.team),
    digest: text(result.digest),
    isNew: result.is_new === true,
    isLocalOnly: result.is_local_only === true,
    size: count(result.size),
    seconds: count(result.seconds),
    overridden: texts(result.overridden),
    warnings: texts(result.warnings),
    commands: records(result.commands).map(one => ({ title: text(one.title), text: text(one.text) }))
  };
}

function record(value: unknown): Record<string, unknown> {
  if (!isRecord(value)) {
    throw misunderstood();
  }
  return value;
}

function records(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) {
    throw misunderstood();
  }
  return value.map(record);
}

function texts(value: unknown): string[] {
  if (!Array.isArray(value)) {
    throw misunderstood();
  }
  return value.map(text);
}

function text(value: unknown): string {
  if (typeof value !== 'string') {
    throw misunderstood();
  }
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number') {
    throw misunderstood();
  }
  return value;
}
