interface Point {
  readonly x: number
  readonly y: number
}

/** Where the line from the centre of a card to another point leaves the card. */
export function borderPoint(
  centre: Point,
  to: Point,
  size: { readonly width: number; readonly height: number },
): Point {
  const dx = to.x - centre.x
  const dy = to.y - centre.y
  if (dx === 0 && dy === 0) return centre
  const scale = Math.min(
    dx === 0 ? Number.POSITIVE_INFINITY : size.width / 2 / Math.abs(dx),
    dy === 0 ? Number.POSITIVE_INFINITY : size.height / 2 / Math.abs(dy),
  )
  // Cards that overlap have no line between them.
  return scale >= 1 ? to : { x: centre.x + dx * scale, y: centre.y + dy * scale }
}
