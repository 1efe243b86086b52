/** A plant with one zone and the device that Cordon works from: the least that is valid. */
export function firstText({
  plant,
  zone,
  manager,
}: {
  readonly plant: string
  readonly zone: string
  readonly manager: string
}): string {
  return `version: 1
plant: ${plant}

# Cordon works from here. Its own way in to every capable device is implied and needs no conduit.
manager: Manager

zones:
  ${zone}: { authentication: certificate, messaging: confidentiality, io: integrity }

devices:
  Manager: { address: ${manager}, zone: ${zone}, role: originator, io: deny }
`
}
