import { blockingCondition, type AnyObject } from "../api/documents";
import { Message } from "./message";

/** Why an object is not Ready; nothing to say when it is. */
export function Reason({ object }: { object: AnyObject }) {
  const condition = blockingCondition(object);
  if (!condition) return <span className="muted">—</span>;
  return (
    <span>
      <span className="reason">{condition.reason}</span>{" "}
      <span className="muted">
        <Message text={condition.message} />
      </span>
    </span>
  );
}
