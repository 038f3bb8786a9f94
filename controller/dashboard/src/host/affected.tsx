import type { components } from "../api/schema";
import { ObjectLink } from "../kinds/object-link";

interface Props {
  object: components["schemas"]["ObjectReference"] | null;
  resource: string;
}

/** The object that a person knows; the agent's resource id where there is none, and of parts beside it. */
export function Affected({ object, resource }: Props) {
  if (!object) return <span className="mono">{resource || "a resource of another project"}</span>;
  const remote = resource.split("/")[1];
  return (
    <span>
      <span className="muted">{object.kind}</span>{" "}
      <ObjectLink kind={object.kind} name={object.name} project={object.project} />
      {remote && <div className="muted detail">its tunnel to {remote}</div>}
    </span>
  );
}
