/** Words and texts as a POSIX shell takes them, whatever they hold. Pure. */

const PLAIN = /^[\w@%+:,./-][\w@%+=:,./-]*$/;
/** What a terminal would do something at, if it were pasted. */
const CONTROL = /[^\P{Cc}\n\t]/u;

/** As a shell takes it for one word. */
export function shellWord(word: string): string {
  if (PLAIN.test(word)) return word;
  if (!CONTROL.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  const written = word.replaceAll(/[\\']/g, "\\$&").replaceAll(/\p{Cc}/gu, escaped);
  return `$'${written}'`;
}

const escaped = (control: string): string => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** The command, with the text as what it reads. */
export function withInput(command: string, text: string): string {
  const lines = text.split("\n");
  let end = "EOF";
  // Any line of the text that is this word would end it, and what follows would be commands.
  while (lines.includes(end)) end += "F";
  return `${command} <<'${end}'\n${text.replace(/\n$/, "")}\n${end}`;
}
