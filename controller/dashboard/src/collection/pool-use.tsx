import { useFleet } from "../api/queries";

/** How much of a pool is taken: the fleet at a glance knows it of all pools at once. */
export function PoolUse({ name }: { name: string }) {
  const use = useFleet().data?.capacity.find(({ id }) => id === `pool:${name}`);
  if (!use) return <span className="muted">not known</span>;
  const { used, quarantined, total, unit } = use;
  return (
    <span className="number">
      {used.toLocaleString()} <span className="muted">of {total.toLocaleString()} {unit}</span>
      {quarantined > 0 && <span className="muted">, {quarantined.toLocaleString()} resting</span>}
    </span>
  );
}
