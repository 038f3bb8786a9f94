import type { components } from "../api/schema";

/** Field by field: what is intended, and what was found instead. */
export function Differences({ differences }: { differences: components["schemas"]["DriftDifference"][] }) {
  return (
    <ul className="plain-list detail">
      {differences.map(({ field, intended, found }) => (
        <li key={field}>
          <span className="mono">{field}</span> <span className="muted">intended</span> {intended || "nothing"},{" "}
          <span className="muted">found</span> {found || "nothing"}
        </li>
      ))}
    </ul>
  );
}
