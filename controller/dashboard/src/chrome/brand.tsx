/** The mark: three hosts and the mesh between them. */
export function BrandMark({ size = 32 }: { size?: number }) {
  return (
    <svg className="brand-mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path d="M16 7 6.5 23.5h19z" className="brand-mesh" />
      <circle cx="16" cy="7.5" r="5" className="brand-near" />
      <circle cx="6.5" cy="24" r="5" className="brand-far" />
      <circle cx="25.5" cy="24" r="5" className="brand-far" />
    </svg>
  );
}
