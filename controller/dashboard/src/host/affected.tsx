import type { components } from "../api/schema";
import { ObjectLink } from "../kinds/object-link";

type Reference = components["schemas"]["ObjectReference"];

interface Props {
  object: Reference | null;
  resource: string;
  /** Of a tunnel of a segment: where it goes. */
  remote?: Reference | null;
}

/** The object that a person knows; the agent's resource id where there is none, and of parts beside it. */
export function Affected({ object, resource, remote = null }: Props) {
  if (!object) return <span className="mono">{resource || "a resource of another project"}</span>;
  const [, part] = resource.split("/");
  return (
    <span>
      <span className="muted">{object.kind}</span>{" "}
      <ObjectLink kind={object.kind} name={object.name} project={object.project} />
      {part && (
        <span className="muted detail">
          {" "}
          its tunnel to {remote ? <ObjectLink kind={remote.kind} name={remote.name} /> : placeOf(part)}
        </span>
      )}
    </span>
  );
}

/** An outside VTEP is known by its address; of a host that is gone, nobody knows the id. */
const placeOf = (part: string): string => (/[.:]/.test(part) ? part : "a host that is gone");
