/** What a chart can have lines of, the words by which the address names it, and how the answers of
 * several are put side by side. Pure. */

import type { Stats } from "../api/documents";
import type { ObjectRef } from "../api/objects";
import { infoOf, ofCollection } from "../kinds/kinds";

export interface Source {
  /** As the address has it; empty for what the page is of. */
  word: string;
  of: ObjectRef;
  /** Only what the host counts under this resource id. */
  subject?: string;
  /** In place of the name. */
  label?: string;
}

/** What is drawn: names are unique. */
export interface Drawn {
  times: number[];
  step_seconds: number;
  series: { name: string; rates: Stats["series"][number]["rates"] }[];
}

/** Of an object of any page. */
export function wordOf({ kind, name, project }: ObjectRef): string {
  const { collection, ofProjects } = infoOf(kind);
  return [collection, ...(ofProjects ? [project ?? "default"] : []), name].join("/");
}

/** Undefined for what names no object: it may be a subject of a host. */
export function readWord(word: string): ObjectRef | undefined {
  const [collection = "", ...rest] = word.split("/");
  const info = ofCollection(collection);
  const name = rest.at(-1);
  if (!info?.counted || !name || rest.length !== (info.ofProjects ? 2 : 1)) return undefined;
  return { kind: info.kind, name, project: info.ofProjects ? rest[0] : undefined };
}

/** The page's own comes first, unless something that its host counts was chosen in its place. */
export function sourcesOf(page: ObjectRef, words: string[], labels: ReadonlyMap<string, string>): Source[] {
  const chosen = words.flatMap((word): Source[] => {
    const of = readWord(word);
    if (of) return [{ word, of }];
    if (page.kind !== "Host") return [];
    const label = labels.get(word);
    return [{ word, of: page, subject: word, ...(label !== undefined && { label }) }];
  });
  const isInPlace = chosen.some(({ subject }) => subject !== undefined);
  return isInPlace ? chosen : [{ word: "", of: page }, ...chosen];
}

export const nameOfSource = ({ of, subject, label }: Source): string => label ?? subject ?? of.name;

export interface Answer {
  source: Source;
  /** Null: nothing was counted for it yet. */
  stats: Stats | null;
}

/** Lines of all that was asked for; null when nothing is counted of any. The answers have the same
 * step and begin together; one that came later may have a point more. */
export function sideBySide(answers: Answer[]): Drawn | null {
  const known = answers.flatMap(({ stats }) => stats ?? []);
  const longest = known.reduce<Stats | undefined>(
    (most, each) => (most && most.times.length >= each.times.length ? most : each),
    undefined,
  );
  if (!longest) return null;
  const isAlone = answers.length === 1;
  const series = answers.flatMap((answer) => linesOf(answer, isAlone));
  return { times: longest.times, step_seconds: longest.step_seconds, series: withUniqueNames(series) };
}

function linesOf({ source, stats }: Answer, isAlone: boolean): Drawn["series"] {
  const { of, subject } = source;
  const name = nameOfSource(source);
  if (!stats) return [{ name, rates: {} }];
  if (subject !== undefined) return stats.series.map(({ rates }) => ({ name, rates }));
  const isSummed = of.kind === "Host" || of.kind === "Segment";
  if (isSummed && isAlone)
    return stats.series.map((each) => ({ name: nameAlone(each, of.kind === "Segment"), rates: each.rates }));
  // Beside others, the sum speaks for it.
  const shown = isSummed ? stats.series.filter((each) => each.name === SUM) : stats.series;
  return shown.map(({ host, device, rates }) => ({
    name: isSummed ? `${name}, all ports` : atEnd(name, shown.length > 1 || isAlone ? [host, isAlone && device] : []),
    rates,
  }));
}

/** What the API calls the sum of ports. */
const SUM = "ports";

function nameAlone({ name, host }: Stats["series"][number], hasHosts: boolean): string {
  if (name === SUM) return "all ports";
  return hasHosts && host ? `${name} on ${host}` : name;
}

/** A port that migrates, or the ends of a tunnel, are counted on each of their hosts. */
function atEnd(name: string, where: (string | null | false)[]): string {
  const [host, device] = where;
  if (!host) return name;
  return device && device !== name ? `${name} on ${host} (${device})` : `${name} on ${host}`;
}

function withUniqueNames(series: Drawn["series"]): Drawn["series"] {
  const seen = new Map<string, number>();
  return series.map((each) => {
    const count = (seen.get(each.name) ?? 0) + 1;
    seen.set(each.name, count);
    return count === 1 ? each : { ...each, name: `${each.name} (${count})` };
  });
}
