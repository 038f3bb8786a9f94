/** A message with its `commands` set as code: they are there to be copied. */
export function Message({ text }: { text: string }) {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}
