import { Button, FileInput, Group, Radio, Stack, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { useUrl } from '../../address/use-url.ts'
import { Failure } from '../../components/failure.tsx'
import { PageBody } from '../../components/page.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask, RequestFailure } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { addressPattern, namePattern } from '../editor/plant-form.ts'
import { Problems } from '../editor/problems.tsx'
import { textOfFile } from '../editor/read-file.ts'
import { firstText } from './first-text.ts'

/** A new plant: from nothing, or from a plant file. */
export function Page() {
  const [{ next }] = useUrl()
  const [kind, setKind] = useState<'nothing' | 'file'>('nothing')
  const [plant, setPlant] = useState('')
  const [zone, setZone] = useState('line')
  const [manager, setManager] = useState(addressPattern.test(window.location.hostname) ? window.location.hostname : '')
  const [file, setFile] = useState<File | null>(null)
  const [problems, setProblems] = useState<readonly Shapes['TextProblem'][]>([])
  const queries = useQueryClient()
  const router = useRouter()
  const make = useMutation({
    mutationFn: async () => {
      setProblems([])
      const text =
        kind === 'nothing' ? firstText({ plant, zone, manager }) : file === null ? '' : await textOfFile(file)
      const checked = await ask('Checking the text', api.POST('/api/v1/plants/validate', { body: { text } }))
      if (!checked.valid) {
        setProblems(checked.problems)
        throw new Error('The file has errors; nothing was made. They are listed below.')
      }
      try {
        await ask(
          'Making the plant',
          api.POST('/api/v1/plants', {
            body: { text, message: kind === 'nothing' ? 'First version' : `From ${file?.name ?? 'a file'}` },
          }),
        )
      } catch (cause) {
        if (cause instanceof RequestFailure) setProblems(cause.problem?.problems ?? [])
        throw cause
      }
      return checked.summary?.name ?? plant
    },
    onSuccess: (name) => {
      void queries.invalidateQueries({ queryKey: ['plants'] })
      router.history.push(`${next === 'start' ? '/start' : '/editor'}?plant=${encodeURIComponent(name)}`)
    },
  })
  const wrongName = plant !== '' && !namePattern.test(plant)
  const wrongAddress = manager !== '' && !addressPattern.test(manager)
  const isReady =
    kind === 'file' ? file !== null : namePattern.test(plant) && namePattern.test(zone) && addressPattern.test(manager)
  const send = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <PageBody
      title="New plant"
      lead="A plant is one text: who is in it, who may talk to whom, and how well protected. No device is touched by making one."
    >
      <form onSubmit={send} style={{ maxWidth: '30rem' }}>
        <Stack gap="md">
          <Radio.Group label="Begin" value={kind} onChange={(value) => setKind(value === 'file' ? 'file' : 'nothing')}>
            <Stack gap="sm" mt="sm">
              <Radio
                value="nothing"
                label="From nothing"
                description="One zone and this manager. Devices come from discovery, CSV or by hand."
              />
              <Radio
                value="file"
                label="From a plant file"
                description="Written by hand, by cordon learn, or exported by another manager."
              />
            </Stack>
          </Radio.Group>
          {kind === 'nothing' ? (
            <>
              <TextInput
                size="sm"
                label="Name of the plant"
                description="Its certificate authority bears it. It cannot be changed later."
                value={plant}
                maxLength={63}
                error={wrongName ? 'A letter, then letters, digits, _ or -.' : undefined}
                onChange={({ currentTarget }) => setPlant(currentTarget.value)}
              />
              <TextInput
                size="sm"
                label="First zone"
                description="Devices that trust each other: a line, a cell."
                value={zone}
                maxLength={63}
                onChange={({ currentTarget }) => setZone(currentTarget.value)}
              />
              <TextInput
                size="sm"
                label="Address of this manager"
                description="As the devices see it. They let it in under this address."
                value={manager}
                maxLength={15}
                error={wrongAddress ? 'An IPv4 address such as 192.0.2.2.' : undefined}
                onChange={({ currentTarget }) => setManager(currentTarget.value)}
              />
            </>
          ) : (
            <FileInput
              size="sm"
              label="Plant file"
              placeholder="Choose a file"
              accept=".yaml,.yml"
              value={file}
              onChange={setFile}
            />
          )}
          {make.error === null ? null : make.error instanceof RequestFailure ? (
            <Failure cause={make.error} />
          ) : (
            <Refused cause={make.error} />
          )}
          <Group gap="sm">
            <Button type="submit" size="sm" loading={make.isPending} disabled={!isReady}>
              Make the plant
            </Button>
          </Group>
        </Stack>
      </form>
      <div style={{ marginTop: 12, maxWidth: '60rem' }}>
        <Problems problems={problems} goTo={() => undefined} />
      </div>
    </PageBody>
  )
}
