/** What a list shows, as a command and as a request. Pure. */

import type { Request } from "../copy/copy-as";
import type { ListQuery } from "../api/objects";
import type { KindInfo } from "../kinds/kinds";

/** As a POSIX shell takes it for one word. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

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
