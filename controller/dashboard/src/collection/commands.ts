/** What a list shows, as a command and as a request. Pure. */

import type { Request } from "../copy/copy-as";
import { shellWord } from "../copy/shell";
import type { ListQuery } from "../api/objects";
import { DEFAULT_PROJECT, type KindInfo } from "../kinds/kinds";

export function listCommand(info: KindInfo, asked: ListQuery): string {
  const options: [string, string | undefined][] = [
    ["-l", asked.label_selector],
    ["--project", asked.project],
    ["--host", asked.host],
    ["--filter", asked.filter],
    ["--sort-by", asked.order_by],
  ];
  const said = options.flatMap(([option, value]) => (value ? [option, shellWord(value)] : []));
  return ["ovsfleet get", info.collection, ...said].join(" ");
}

export function listRequest(info: KindInfo, asked: ListQuery): Request {
  const said = Object.entries(asked).filter(([, value]) => value) as [string, string][];
  const query = new URLSearchParams(said).toString();
  return { method: "GET", path: `/v1/${info.collection}${query && `?${query}`}` };
}

/** None for objects of several projects: one command is of one. */
export function deleteCommand(info: KindInfo, named: readonly { name: string; project: string }[]): string | undefined {
  const projects = new Set(named.map(({ project }) => project));
  if (info.ofProjects && projects.size > 1) return undefined;
  const [project = DEFAULT_PROJECT] = projects;
  const names = named.map(({ name }) => shellWord(name));
  const within = info.ofProjects && project !== DEFAULT_PROJECT ? [`--project ${shellWord(project)}`] : [];
  return ["ovsfleet delete", info.collection, ...names, ...within, `--confirm-count ${named.length}`].join(" ");
}
