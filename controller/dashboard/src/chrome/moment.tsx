import { formatsOf, useZone } from "./moments";

/** A moment in the time zone that the reader chose. */
export function Moment({ at }: { at: string }) {
  const zone = useZone();
  const { short, full } = formatsOf(zone);
  const moment = new Date(at);
  return (
    <time dateTime={at} title={full.format(moment)} className="number nowrap">
      {short.format(moment)}
      {zone === "utc" && " UTC"}
    </time>
  );
}
